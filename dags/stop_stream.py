"""Stops a stream: its driver finishes the batch in flight and ends, and nothing starts it again.

**When it fails:** the driver did not end in time, or its launcher could not be asked; `keep_streams` goes on with
it. The checkpoint stays: a later deploy goes on where the stream was stopped.
"""

from __future__ import annotations

from airflow.sdk import dag

from tideline_airflow import tasks
from tideline_airflow.operators import ask_and_await
from tideline_airflow.policy import DEFAULT_ARGS, START, stream_param
from tideline_airflow.tags import Tag


@dag(
    dag_id="stop_stream",
    schedule=None,
    start_date=START,
    doc_md=__doc__,
    tags=[Tag.STREAMS],
    default_args=DEFAULT_ARGS,
    params={"stream": stream_param()},
)
def stop_stream() -> None:
    ask_and_await(tasks.ask_to_stop, "STOPPED", timeout_seconds=180)


stop_stream()
