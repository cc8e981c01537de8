"""Stops a stream: its driver finishes the batch in flight and ends, and nothing starts it again.

**When it fails:** the driver did not end in time, or its launcher could not be asked; `keep_streams` goes on with
it. The checkpoint stays: a later deploy goes on where the stream was stopped.
"""

from __future__ import annotations

from airflow.sdk import dag

from tideline_airflow import tasks
from tideline_airflow.operators import ask_and_await
from tideline_airflow.policy import ON_REQUEST, stream_param


@dag(
    dag_id="stop_stream",
    doc_md=__doc__,
    params={"stream": stream_param()},
    **ON_REQUEST,
)
def stop_stream() -> None:
    ask_and_await(tasks.ask_to_stop, "STOPPED", timeout_seconds=180)


stop_stream()
