"""Resumes a suspended stream by the spec it had, from its checkpoint, and waits until it is proved STABLE.

**When it fails:** the reason is the task's error, and the driver's last lines are in its log. A stream that was
stopped is not resumed: deploy it. The stream stays wanted, and `keep_streams` goes on trying.
"""

from __future__ import annotations

from airflow.sdk import dag

from tideline_airflow import tasks
from tideline_airflow.operators import ask_and_await
from tideline_airflow.policy import ON_REQUEST, stream_param


@dag(
    dag_id="resume_stream",
    doc_md=__doc__,
    params={"stream": stream_param()},
    **ON_REQUEST,
)
def resume_stream() -> None:
    ask_and_await(tasks.ask_to_resume, "RUNNING", timeout_seconds=300)


resume_stream()
