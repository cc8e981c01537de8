from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tideline.keeper.evidence import CheckpointView, Evidence, Unread
from tideline.keeper.health import judge
from tideline.keeper.heartbeat import Heartbeat
from tideline.keeper.samples import Sample
from tideline.keeper.verdict import Kind, Thresholds
from tideline.launcher.base import LauncherState, Phase

NOW = 1_000_000_000
S = 1000
LIMITS = Thresholds(trigger_ms=2 * S)
RUNNING = LauncherState(Phase.RUNNING, tag="s-e2")
ENDED = LauncherState(Phase.EXITED, tag="s-e2", exit_status=-1)


def beat(**facts: Any) -> Heartbeat:
    return replace(Heartbeat("s", 2, "s-e2", at=NOW, state="running", progress_at=NOW), **facts)


def evidence(**facts: Any) -> Evidence:
    """A driver that is well: five batches of its own, no backlog."""
    checkpoint = CheckpointView(last_commit=9, committed_at=NOW, ends={0: 100})
    well = Evidence("s-e2", 2, NOW - 600 * S, 4, False, RUNNING, beat(), checkpoint, {0: 100})
    return replace(well, **facts)


def still(seconds: int, **facts: Any) -> dict[str, Any]:
    """The driver has not moved for so long, though it beats."""
    at = NOW - seconds * S
    checkpoint = CheckpointView(last_commit=9, committed_at=at, ends={0: 100})
    return {"checkpoint": checkpoint, "heartbeat": beat(progress_at=at, **facts)}


NO_COMMIT = CheckpointView()
TROUBLE = {"part": "sink kafka out: counts", "reason": "SendRefused: too large", "since": NOW}
CASES: list[tuple[str, Kind, dict[str, Any]]] = [
    ("well without backlog", Kind.IDLE, {}),
    ("well with backlog", Kind.HEALTHY, {"log_ends": {0: 150}}),
    ("a sink fails, the rest goes on", Kind.PART_FAILS, {"heartbeat": beat(troubles=[TROUBLE]), "log_ends": {0: 150}}),
    ("a sink failed for the driver before", Kind.HEARTBEAT_LOST, {"heartbeat": beat(epoch=1, troubles=[TROUBLE])}),
    ("the launcher saw it end", Kind.DRIVER_LOST, {"launcher": ENDED}),
    ("the launcher knows none", Kind.DRIVER_LOST, {"launcher": LauncherState(Phase.ABSENT)}),
    ("another tag runs", Kind.DRIVER_LOST, {"launcher": replace(RUNNING, tag="s-e1")}),
    ("just submitted", Kind.STARTING, {"submitted_at": NOW - S, "heartbeat": None, "checkpoint": NO_COMMIT}),
    ("the beat is the last driver's", Kind.STARTING,
     {"submitted_at": NOW - S, "heartbeat": beat(epoch=1), "checkpoint": NO_COMMIT}),
    ("starting for too long", Kind.NEVER_STARTED,
     {"submitted_at": NOW - 121 * S, "heartbeat": beat(state="starting"), "checkpoint": NO_COMMIT}),
    ("running without a batch", Kind.UNPROVEN, {"checkpoint": NO_COMMIT, "log_ends": {0: 5}}),
    ("two batches of three", Kind.UNPROVEN, {"base_batch": 7}),
    ("proved before", Kind.IDLE, {"base_batch": 9, "proved": True}),
    ("three idle triggers", Kind.IDLE, {"base_batch": 9, "heartbeat": beat(idle_triggers=3)}),
    ("idle triggers with a backlog", Kind.UNPROVEN,
     {"base_batch": 9, "heartbeat": beat(idle_triggers=3), "log_ends": {0: 101}}),
    ("still with backlog", Kind.HUNG, {**still(61), "log_ends": {0: 101}}),
    ("still for less than it may", Kind.HEALTHY, {**still(59), "log_ends": {0: 101}}),
    ("still without backlog", Kind.IDLE, still(600)),
    ("still, batches are long", Kind.HEALTHY, {**still(100, batch_ms=51 * S), "log_ends": {0: 101}}),
    ("its first batch is long", Kind.UNPROVEN,
     {**still(119), "base_batch": 9, "submitted_at": NOW - 119 * S, "log_ends": {0: 101}}),
    ("its first batch is too long", Kind.HUNG,
     {**still(121), "base_batch": 9, "submitted_at": NOW - 121 * S, "log_ends": {0: 101}}),
    ("proved by idling, it hangs in its first batch", Kind.HUNG,
     {**still(61), "base_batch": 9, "proved": True, "log_ends": {0: 101}}),
    ("still, the broker is down", Kind.UNKNOWN, {**still(61), "log_ends": None}),
    ("moving, the broker is down", Kind.HEALTHY, {"log_ends": None}),
    ("silent but committing", Kind.HEARTBEAT_LOST, {"heartbeat": beat(at=NOW - 16 * S)}),
    ("no heartbeat but committing", Kind.HEARTBEAT_LOST, {"heartbeat": None}),
    ("proved by idling, its heartbeat is gone", Kind.HEARTBEAT_LOST,
     {"base_batch": 9, "proved": True, "heartbeat": None}),
    ("the launcher is silent, it beats", Kind.IDLE, {"launcher": None}),
    ("the launcher is silent, it commits", Kind.HEARTBEAT_LOST, {"launcher": None, "heartbeat": None}),
    ("a job of no topic, by its own word", Kind.IDLE,
     {"reads_topic": False, "log_ends": {}, "checkpoint": NO_COMMIT, "heartbeat": beat(batches=3)}),
    ("a job of no topic, two batches of three", Kind.UNPROVEN,
     {"reads_topic": False, "log_ends": {}, "checkpoint": NO_COMMIT, "heartbeat": beat(batches=2)}),
    ("a job of no topic that stands still", Kind.HUNG,
     {"reads_topic": False, "log_ends": {}, **still(61), "proved": True}),
    ("a job of no topic, still for less than it may", Kind.IDLE,
     {"reads_topic": False, "log_ends": {}, **still(59), "proved": True}),
    ("all are silent", Kind.UNKNOWN,
     {"launcher": None, "heartbeat": beat(at=NOW - 61 * S, progress_at=NOW - 61 * S),
      "checkpoint": None, "log_ends": None}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "facts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_verdict_follows_from_the_witnesses(kind: Kind, facts: dict[str, Any]) -> None:
    assert judge(evidence(**facts), LIMITS, NOW).kind is kind


def sample(ago_s: int, backlog: int | None) -> Sample:
    return Sample(NOW - ago_s * S, 2, backlog, None, None, None, None, None)


@pytest.mark.parametrize(("ago_s", "kind"), [(10, Kind.HEALTHY), (60, Kind.HEALTHY), (61, Kind.HUNG)])
def test_a_driver_that_waited_for_the_broker_has_its_patience_anew(ago_s: int, kind: Kind) -> None:
    """The broker was away, and is back: the driver had nothing to commit, and is about to."""
    history = (sample(ago_s + 30, None), sample(ago_s, None), sample(0, 1))
    assert judge(evidence(**still(400), log_ends={0: 101}, history=history), LIMITS, NOW).kind is kind


@pytest.mark.parametrize(
    ("last_s", "earlier_s", "kind"),
    [(1, 51, Kind.HEALTHY), (51, 1, Kind.HEALTHY), (1, 49, Kind.HUNG), (1, None, Kind.HUNG), (None, 51, Kind.HEALTHY)],
)
def test_patience_is_by_the_longest_batch_that_was_seen(last_s: int | None, earlier_s: int | None, kind: Kind) -> None:
    lengths = [None if each is None else each * S for each in (last_s, earlier_s)]
    history = (replace(sample(600, 1), batch_ms=lengths[1]), replace(sample(300, 1), batch_ms=1 * S))
    found = evidence(**still(100, batch_ms=lengths[0]), log_ends={0: 101}, history=history)
    assert judge(found, LIMITS, NOW).kind is kind


@pytest.mark.parametrize(
    ("facts", "kind", "why"),
    [
        ({"heartbeat": beat(at=NOW - 16 * S)}, Kind.RETENTION_RISK,
         "what is not read yet is 90% on its way out: old; the last heartbeat was 16 s ago, but the driver is alive and"
         " not behind"),
        ({"base_batch": 7}, Kind.RETENTION_RISK,
         "what is not read yet is 90% on its way out: old; 2 of 3 batches committed"),
        ({"heartbeat": beat(at=NOW - 16 * S, troubles=[TROUBLE])}, Kind.RETENTION_RISK, None),
        ({"launcher": ENDED}, Kind.DRIVER_LOST, None),
        ({"submitted_at": NOW - S, "heartbeat": None, "checkpoint": NO_COMMIT}, Kind.STARTING, None),
    ],
)  # fmt: skip
def test_that_records_are_about_to_be_lost_is_told_of_a_driver_that_is_silent_or_not_proved_too(
    facts: dict[str, Any], kind: Kind, why: str | None
) -> None:
    found = judge(evidence(log_ends={0: 150}, unread=Unread(0.9, "old"), **facts), LIMITS, NOW)
    assert (found.kind, [each.kind for each in found.warnings]) == (kind, [kind] * (kind is Kind.RETENTION_RISK))
    assert why in (None, found.why)


def test_of_a_silent_driver_nothing_else_is_told() -> None:
    facts = {"heartbeat": beat(at=NOW - 16 * S, troubles=[TROUBLE]), "unread": Unread(0.4, "young")}
    assert judge(evidence(log_ends={0: 150}, **facts), LIMITS, NOW).kind is Kind.HEARTBEAT_LOST


def test_a_verdict_shows_its_thresholds() -> None:
    shown = judge(evidence(), LIMITS, NOW).as_dict()
    assert shown["thresholds"]["hung_after_ms"] == 60 * S
    assert shown["thresholds"]["trigger_ms"] == 2 * S


def test_the_exit_status_and_the_drivers_word_are_told() -> None:
    why = judge(evidence(launcher=ENDED, heartbeat=beat(exception="KeyError: 'a'")), LIMITS, NOW).why
    assert why == "the launcher says EXITED, killed by a signal: KeyError: 'a'"


@pytest.mark.parametrize(
    ("ends", "log_ends", "backlog"),
    [({0: 5}, {0: 5}, 0), ({0: 5}, {0: 7, 1: 3}, 5), ({0: 5}, {0: 2}, 0), (None, {0: 4}, 4), ({0: 5}, None, None)],
)
def test_backlog_is_what_lies_beyond_the_last_commit(
    ends: dict[int, int] | None, log_ends: dict[int, int] | None, backlog: int | None
) -> None:
    found = evidence(checkpoint=CheckpointView(1, NOW, ends), log_ends=log_ends)
    assert found.backlog == backlog
