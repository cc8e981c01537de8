"""Triggers, tasks and operators, as far as they decide anything themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.home import Home
from tideline.keeper.last_words import last_lines
from tideline.keeper.lifecycle import State
from tideline_airflow.tasks import (
    alarmed_streams,
    caller_of,
    has_begun,
    interval_end,
    specs_with_tables,
    streams_to_reconcile,
    yields_to,
)
from tideline_airflow.triggers import LateEvents, StreamAlarms, StreamSettles

UNTIL = datetime(2026, 1, 1, 12, 10, tzinfo=UTC)


def event(*streams: str) -> SimpleNamespace:
    alarms = [{"stream": stream} for stream in streams]
    return SimpleNamespace(extra={"from_trigger": True, "payload": {"alarms": alarms}})


@pytest.mark.parametrize(
    ("events", "streams"),
    [
        ([], None),
        ([event("a")], {"a"}),
        ([event("a", "b"), event("a")], {"a", "b"}),
        ([SimpleNamespace(extra=None)], None),
    ],
)
def test_a_run_looks_after_the_streams_its_events_name(events: list[Any], streams: set[str] | None) -> None:
    assert alarmed_streams({"asset": events}) == streams


@pytest.mark.parametrize(("user", "actor"), [("ann", "ann"), (None, "keep_streams")])
def test_a_run_acts_for_the_user_who_triggered_it(user: str | None, actor: str) -> None:
    run = SimpleNamespace(triggering_user_name=user, dag_id="keep_streams", run_id="run-1")
    context: Any = {"dag_run": run}
    caller = caller_of(context)
    assert (caller.actor, caller.dag_run) == (actor, "run-1")


@pytest.mark.parametrize(("run_type", "end"), [("scheduled", UNTIL), ("backfill", UNTIL), ("manual", None)])
def test_a_run_by_hand_takes_every_stream(run_type: str, end: datetime | None) -> None:
    context: Any = {"dag_run": SimpleNamespace(run_type=run_type), "data_interval_end": UNTIL}
    assert interval_end(context) == end


@pytest.mark.parametrize(("wanted", "streams"), [("c", ["c"]), (None, ["a", "b"])])
def test_late_events_take_the_streams_they_name_unless_one_is_asked_for(wanted: str | None, streams: list[str]) -> None:
    assert streams_to_reconcile(wanted, None, {"b", "a"}) == streams


@pytest.mark.parametrize(
    ("state", "run_type", "minutes", "waits"),
    [
        (State.STARTING, "scheduled", 0, True),
        (State.BACKOFF, "asset_triggered", 4, True),
        (State.UPGRADING, "scheduled", 4, True),
        (State.STARTING, "scheduled", 5, False),
        (State.STARTING, "manual", 0, False),
        (State.STARTING, "backfill", 0, False),
        (State.STABLE, "scheduled", 0, False),
        (State.CRASH_LOOP, "scheduled", 0, False),
        (State.FAILED, "asset_triggered", 0, False),
    ],
)
def test_a_reconciliation_that_nobody_asked_for_waits_a_while_for_any_stream_that_gets_a_driver(
    state: State, run_type: str, minutes: int, waits: bool
) -> None:
    rows: Any = [SimpleNamespace(state=State.STABLE), SimpleNamespace(state=state)]
    assert yields_to(rows, run_type, timedelta(minutes=minutes)) == ([rows[1]] if waits else [])


def test_a_stream_whose_driver_never_ran_is_left_out(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert not has_begun(home, "small")
    Player(home.tables("small"), small_spec()).play(log_line(5))
    assert has_begun(home, "small")


def test_a_spec_that_cannot_be_read_keeps_no_other_stream_from_its_turn(tmp_path: Path) -> None:
    home, spec = Home(tmp_path), small_spec()
    Player(home.tables("small"), spec).play(log_line(5))
    text = spec.model_dump_json(exclude_none=True)
    job = json.dumps({"name": "words", "entrypoint": "jobs/basics/word_count.py"})
    rows: Any = [
        SimpleNamespace(spec=text, epoch=epoch) for text, epoch in (("x: 1", 1), (job, 1), (text, 1), (text, 0))
    ]
    assert [each.name for each in specs_with_tables(home, rows)] == ["small"]


@pytest.mark.parametrize("trigger", [StreamAlarms(2.0), LateEvents(2.0), StreamSettles("s", "RUNNING", 5.0, 0.5)])
def test_a_trigger_is_made_again_from_what_it_serializes(trigger: BaseTrigger) -> None:
    path, kwargs = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"
    assert type(trigger)(**kwargs).serialize() == (path, kwargs)


def test_all_watchers_share_one_poll() -> None:
    assert StreamAlarms(2.0).shared_stream_key() == StreamAlarms(2.0).shared_stream_key()
    assert StreamAlarms(2.0).shared_stream_key() != LateEvents(2.0).shared_stream_key()


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert last_lines(log, 2) == ["line 99998", "line 99999"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "driver.log") == []
