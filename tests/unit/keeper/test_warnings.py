"""What a driver that runs is warned of, and what it is not: bursts, idleness, a backlog that shrinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from support.keeper_world import STREAM, World
from tideline.keeper.evidence import Evidence, Unread
from tideline.keeper.health import judge
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.plan import next_step
from tideline.keeper.samples import EVERY_MS, KEPT_MS, Sample
from tideline.keeper.verdict import Kind, Severity

from .test_health import LIMITS, NOW, TROUBLE, beat, evidence

MINUTE = 60_000


def sample(minutes_ago: float, **facts: Any) -> Sample:
    seen = Sample(int(NOW - minutes_ago * MINUTE), 2, 0, 1_000, 5_000, 9, 500, 100)
    return replace(seen, **facts)


def history(backlog: Callable[[float], float], minutes: int = 40, **facts: Any) -> tuple[Sample, ...]:
    """A sample every half minute; `backlog` by minutes ago."""
    return tuple(
        sample(half / 2, backlog=int(backlog(half / 2)), batch=1000 - half, **facts)
        for half in range(2 * minutes, -1, -1)
    )


def seen(**facts: Any) -> Evidence:
    """Of a driver that was proved."""
    return evidence(**{"log_ends": {0: 200_000}, "proved": True, **facts})


CASES: list[tuple[str, Kind, Severity | None, dict[str, Any]]] = [
    ("steady", Kind.HEALTHY, None, {"history": history(lambda ago: 5_000)}),
    ("shrinking", Kind.HEALTHY, None, {"history": history(lambda ago: 1_000 + 1_000 * ago)}),
    ("growing for an hour", Kind.BACKLOG_RISING, Severity.PAGE, {"history": history(lambda ago: 90_000 - 1_000 * ago)}),
    ("growing for four minutes", Kind.BACKLOG_RISING, Severity.WARN,
     {"history": history(lambda ago: 5_000 + 500 * max(0, 4 - ago))}),
    ("growing by less than a tenth", Kind.HEALTHY, None, {"history": history(lambda ago: 5_000 - 10 * ago)}),
    ("growing, and a trigger reads as much", Kind.HEALTHY, None,
     {"history": history(lambda ago: 90_000 - 1_000 * ago), "heartbeat": beat(rows=60_000)}),
    ("growing until just now", Kind.IDLE, None,
     {"history": history(lambda ago: 90_000 - 1_000 * ago), "log_ends": {0: 100}}),
    ("small bursts", Kind.HEALTHY, None, {"history": history(lambda ago: 900 if ago < 4 else 0)}),
    ("growing, but seen for a minute", Kind.HEALTHY, None, {"history": history(lambda ago: 9_000 - 1_000 * ago, 1)}),
    ("the watermark stands, events are read", Kind.WATERMARK_STALLED, Severity.WARN,
     {"history": tuple(sample(ago, read=10_000 - 10 * ago) for ago in range(15, -1, -1))}),
    ("the watermark stands for less than it may", Kind.HEALTHY, None,
     {"history": tuple(sample(ago, read=10_000 - 10 * ago) for ago in range(14, -1, -1))}),
    ("the watermark stands, nothing is read", Kind.HEALTHY, None,
     {"history": tuple(sample(ago) for ago in range(59, -1, -1))}),
    ("the watermark moves", Kind.HEALTHY, None,
     {"history": tuple(sample(ago, read=10_000 - 10 * ago, watermark=5_000 - ago) for ago in range(59, -1, -1))}),
    ("there is no watermark yet, and much was read", Kind.WATERMARK_STALLED, Severity.WARN,
     {"history": tuple(sample(ago, read=10_000 - 10 * ago, watermark=0) for ago in range(20, -1, -1))}),
    ("batches are slower than the trigger", Kind.BATCH_SLOWER_THAN_TRIGGER, Severity.WARN,
     {"history": history(lambda ago: 0, batch_ms=5_001)}),
    ("batches are as fast as they must be", Kind.HEALTHY, None, {"history": history(lambda ago: 0, batch_ms=5_000)}),
    ("slow batches, but without rows", Kind.HEALTHY, None, {"history": history(lambda ago: 0, batch_ms=9_000, rows=0)}),
    ("one slow batch, seen often", Kind.HEALTHY, None,
     {"history": tuple(sample(ago / 2, batch_ms=9_000) for ago in range(20, -1, -1))}),
    ("what is unread is safe", Kind.HEALTHY, None, {"unread": Unread(0.49, "young")}),
    ("what is unread is half as old as it may be", Kind.RETENTION_RISK, Severity.WARN, {"unread": Unread(0.5, "x")}),
    ("what is unread is about to go", Kind.RETENTION_RISK, Severity.PAGE, {"unread": Unread(0.8, "old")}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "severity", "facts"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_warned_of(kind: Kind, severity: Severity | None, facts: dict[str, Any]) -> None:
    verdict = judge(seen(**facts), LIMITS, NOW)
    assert verdict.kind is kind
    assert [each.severity for each in verdict.warnings[:1]] == ([severity] if severity else [])


def test_the_gravest_comes_first_and_all_are_told() -> None:
    facts = {
        "unread": Unread(0.9, "old"),
        "heartbeat": beat(troubles=[TROUBLE]),
        "history": history(lambda _: 0, batch_ms=6_000),
    }
    verdict = judge(seen(**facts), LIMITS, NOW)
    assert [each.kind for each in verdict.warnings] == [
        Kind.RETENTION_RISK,
        Kind.PART_FAILS,
        Kind.BATCH_SLOWER_THAN_TRIGGER,
    ]
    assert verdict.why == (
        "what is not read yet is 90% on its way out: old; sink kafka out: counts fails: SendRefused: too large;"
        " batches of the last 5 minutes took 6.0 s, the trigger is 2 s"
    )
    assert verdict.as_dict()["warnings"][0]["severity"] == "page"


def test_thresholds_are_the_streams_own() -> None:
    strict = replace(LIMITS, retention_warn=10, retention_page=20, slow_batch_ms=100, backlog_from=0)
    assert judge(seen(unread=Unread(0.2, "x")), strict, NOW).warnings[0].severity is Severity.PAGE
    assert judge(seen(history=history(lambda _: 0, batch_ms=2_001)), strict, NOW).kind is Kind.BATCH_SLOWER_THAN_TRIGGER


def test_a_hung_driver_is_hung_whatever_else_is_wrong() -> None:
    at = NOW - 61_000
    facts = {"checkpoint": replace(evidence().checkpoint, committed_at=at), "heartbeat": beat(progress_at=at)}  # type: ignore[type-var]
    assert judge(seen(unread=Unread(1.0, "gone"), **facts), LIMITS, NOW).kind is Kind.HUNG


def test_the_keeper_remembers_what_it_saw(world: World) -> None:
    world.deploy()
    world.prove()
    world.log_ends = {0: 40}
    for _ in range(4):
        world.clock.pass_seconds(EVERY_MS / 2000)
        world.beat(batch=2, batch_at=world.clock.now, rows=7, batch_ms=300)
        world.tick()
    samples = world.registry.samples(STREAM, 0)
    assert [each.backlog for each in samples] == [0, 40, 40]
    assert [after.at - before.at for before, after in pairwise(samples)] == [EVERY_MS, EVERY_MS]
    assert (samples[-1].rows, samples[-1].batch_ms, samples[-1].read) == (7, 300, 0)
    world.registry.add_sample(STREAM, replace(samples[-1], at=samples[0].at + KEPT_MS))
    assert len(world.registry.samples(STREAM, 0)) == 3


def test_a_backlog_that_rises_degrades_the_stream_and_restarts_nothing(world: World) -> None:
    world.deploy()
    world.prove()
    for half in range(60):
        world.clock.pass_seconds(30)
        world.log_ends = {0: 100_000 + 1_000 * half}
        world.commit(3 + half, end=10 * half, watermark=1 + half)
        world.beat(batch=3 + half, batch_at=world.clock.now, rows=10)
        world.tick()
        assert world.new_watch().fresh_alarms() == []
    assert world.row.state is State.DEGRADED
    assert world.row.reason.startswith("BacklogRising (page): ")
    world.log_ends = {0: 600}
    for half in range(60, 64):
        world.clock.pass_seconds(30)
        world.commit(3 + half, end=600, watermark=1 + half)
        world.beat(batch=3 + half, batch_at=world.clock.now, rows=10)
        world.tick()
    assert (world.row.state, world.row.epoch, world.launcher.submits) == (State.STABLE, 1, ["orders-e1"])


@pytest.mark.parametrize(
    ("share", "reason"), [(0.5, None), (0.9, "RetentionRisk (page): what is not read yet is 90% on its way out: old")]
)
def test_a_warning_that_somebody_is_to_be_woken_for_is_told_anew(
    world: World, share: float, reason: str | None
) -> None:
    world.deploy()
    world.prove()
    row = replace(world.row, state=State.DEGRADED, reason="RetentionRisk: what is not read yet is 60% on its way out")
    found = seen(unread=Unread(share, "old"))
    step = next_step(row, found, judge(found, LIMITS, NOW), NOW)
    assert (step and step.reason) == reason


def test_a_graver_matter_is_told_anew(world: World) -> None:
    world.deploy()
    world.prove()
    world.beat(troubles=[{"part": "table a", "reason": "x", "since": 0}])
    assert world.tick().reason == "PartFails: table a fails: x"
    world.clock.pass_seconds(20)
    assert world.tick().reason.startswith("HeartbeatLost: ")
    assert world.path()[-2:] == ["DEGRADED", "DEGRADED"]
    assert world.tick().desired is Desired.RUNNING
    assert world.path().count("DEGRADED") == 2
