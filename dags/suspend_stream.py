"""Suspends a stream until it is resumed: its driver finishes the batch in flight and ends, and nothing starts it again.

Kafka goes on keeping what is sent, for as long as the topic's retention says: `tideline retention NAME` shows how long.

**When it fails:** the driver did not end in time, or its launcher could not be asked; `keep_streams` goes on with it.
"""

from __future__ import annotations

from airflow.sdk import dag

from tideline_airflow import tasks
from tideline_airflow.operators import ask_and_await
from tideline_airflow.policy import ON_REQUEST, stream_param


@dag(
    dag_id="suspend_stream",
    doc_md=__doc__,
    params={"stream": stream_param()},
    **ON_REQUEST,
)
def suspend_stream() -> None:
    ask_and_await(tasks.ask_to_suspend, "SUSPENDED", timeout_seconds=180)


suspend_stream()
