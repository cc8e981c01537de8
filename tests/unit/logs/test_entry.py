from __future__ import annotations

import json

import pytest

from tideline.logs.context import About
from tideline.logs.entry import RAW, Entry, parse, timed

AT = 1_769_853_600_012
TS = "2026-01-31T10:00:00.012Z"


def test_a_line_of_the_jvm() -> None:
    said = {"ts": TS, "level": "WARNING", "logger": "o.a.s.Task", "message": "lost", "stream": "orders", "epoch": 3}
    read = parse(json.dumps(said | {"batch": "5", "exception": {"class": "java.io.IOException", "trace": "java..."}}))
    about = About("orders", None, 3, 5)
    assert read == Entry(AT, "WARNING", "o.a.s.Task", "lost", about, "java.io.IOException", "java...")


def test_a_line_of_an_airflow_task() -> None:
    said = {"timestamp": "2026-01-31T10:00:00.012345Z", "level": "info", "event": "it went", "logger": "task"}
    frame = {"filename": "/dags/x.py", "lineno": 3, "name": "run"}
    errors = [
        {"exc_type": "UserError", "exc_value": "no", "frames": [frame]},
        {"exc_type": "KeyError", "exc_value": "'id'"},
    ]
    read = parse(json.dumps(said | {"stream": "orders", "generation": 1, "batch": 5, "error_detail": errors}))
    assert (read.at, read.level, read.message, read.about) == (AT, "INFO", "it went", About("orders", 1, None, 5))
    assert read.kind == "UserError"
    assert read.trace == "KeyError: 'id'\n  File \"/dags/x.py\", line 3, in run\nUserError: no"


def test_a_tasks_line_that_hands_on_a_jobs_line() -> None:
    inner = {"ts": TS, "level": "ERROR", "logger": "tideline", "message": "differs", "batch": 5}
    said = {"timestamp": "2026-01-31T10:00:00.999999Z", "level": "info", "event": json.dumps(inner), "stream": "orders"}
    hook = {"logger": "airflow.task.hooks.tideline_airflow.spark_submit.MasterHook"}
    assert parse(json.dumps(said | hook)) == Entry(AT, "ERROR", "tideline", "differs", About("orders", None, None, 5))
    assert parse(json.dumps(said | {"logger": "task"})).message == json.dumps(inner)  # it may quote what anybody sent


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: Using incubator modules: jdk.incubator.vector",
        "",
        "{",
        '{"a": 1}',
        "[1, 2]",
        '{"ts": "2026-01-31T10:00:00Z", "message": "cut of',
        "{" * 5000,
    ],
)
def test_what_is_no_logs_json_is_its_own_message(line: str) -> None:
    assert parse(line) == Entry(None, RAW, "", line)


@pytest.mark.parametrize(
    "odd",
    [
        {"level": None, "logger": 5, "message": ["x"], "batch": True, "epoch": "many", "stream": 7, "exception": "no"},
        {"level": {}, "exception": {"class": 1}, "error_detail": [1], "generation": 1.5},
        {"exception": [], "error_detail": [{"frames": [1, {}]}]},
    ],
)
def test_fields_that_are_not_what_they_should_be_break_nothing(odd: dict[str, object]) -> None:
    read = parse(json.dumps({"ts": "yesterday"} | odd))
    assert (read.at, read.about) == (None, About())
    assert json.dumps(read.as_dict())


def test_an_entry_is_told_as_the_formatter_has_it() -> None:
    told = Entry(AT, "ERROR", "tideline", "no", About("orders", batch=5), "KeyError", "KeyError: 1", "driver").as_dict()
    assert told == {
        "ts": TS, "level": "ERROR", "logger": "tideline", "message": "no", "stream": "orders", "generation": None,
        "epoch": None, "batch": 5, "exception": {"class": "KeyError", "trace": "KeyError: 1"}, "source": "driver",
    }  # fmt: skip


def test_on_the_way_back_times_never_grow() -> None:
    entries = [Entry(at, "INFO", "", "") for at in (50, None, 70, 40)]
    assert [at for at, _ in timed(iter(entries))] == [50, 50, 50, 40]
