"""Puts back the spec before the stream's own by which it was STABLE, and waits until it is STABLE again.

Where the numbers of the two differ, a new generation begins, as with any deploy: what was closed stays, what was open
is computed anew, and nothing is lost or counted twice.

**When it fails:** there is no such spec, or the stream is not STABLE by it either: then the spec of before the
rollback comes back. The reason is the task's error, and the driver's last lines are in its log.
"""

from __future__ import annotations

from airflow.sdk import dag

from tideline_airflow import tasks
from tideline_airflow.operators import ask_and_await
from tideline_airflow.policy import ON_REQUEST, stream_param


@dag(
    dag_id="rollback_stream",
    doc_md=__doc__,
    params={"stream": stream_param()},
    **ON_REQUEST,
)
def rollback_stream() -> None:
    ask_and_await(tasks.ask_to_roll_back, "RUNNING", timeout_seconds=360)


rollback_stream()
