"""Restarts a stream: its driver finishes the batch in flight and ends, and a new one goes on by the same spec.

**When it fails:** the reason is the task's error, and the driver's last lines are in its log. The stream stays wanted,
and `keep_streams` goes on trying. A stream that is stopped or suspended is not restarted: deploy or resume it.
"""

from __future__ import annotations

from airflow.sdk import dag

from tideline_airflow import tasks
from tideline_airflow.operators import ask_and_await
from tideline_airflow.policy import ON_REQUEST, stream_param


@dag(
    dag_id="restart_stream",
    doc_md=__doc__,
    params={"stream": stream_param()},
    **ON_REQUEST,
)
def restart_stream() -> None:
    ask_and_await(tasks.ask_to_restart, "RUNNING", timeout_seconds=360)


restart_stream()
