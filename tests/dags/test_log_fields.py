"""What Airflow's own JSON has beside its fields, by the processors that its tasks log with."""

from __future__ import annotations

from typing import Any, cast

from airflow.sdk.log import logging_processors

from tideline.logs.context import About, about
from tideline.logs.entry import Entry, parse
from tideline_airflow.log_fields import about_stream


def as_a_task_logs(event: str) -> Entry:
    said: Any = {"event": event, "logger_name": "tideline.reconcile"}
    for process in logging_processors(json_output=True):
        said = process(None, "info", said)
    return parse(cast("bytes | str", said))


def test_a_tasks_line_has_what_it_is_about_as_fields() -> None:
    with about(stream="orders"), about(generation=1, batch=5):
        told = as_a_task_logs("its corrections are published")
    assert (told.level, told.logger, told.message) == ("INFO", "tideline.reconcile", "its corrections are published")
    assert told.about == About("orders", 1, None, 5)
    assert as_a_task_logs("of no stream").about == About()


def test_what_a_task_does_for_a_stream_is_about_it() -> None:
    @about_stream
    def ask(stream: str, times: int) -> list[Entry]:
        return [as_a_task_logs("asked")] * times

    assert [entry.about.stream for entry in (*ask("orders", 1), *ask(stream="orders", times=1))] == ["orders", "orders"]
