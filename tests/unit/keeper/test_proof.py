"""What proves a driver: batches alone do not, where its backlog grows all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.keeper.evidence import Unread
from tideline.keeper.health import judge
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.samples import Sample
from tideline.keeper.settle import settled
from tideline.keeper.verdict import Kind, Proof

from .test_health import LIMITS, NOW, beat, evidence

S = 1_000


def look(seconds_ago: float, backlog: int, batch: int | None = 7) -> Sample:
    return Sample(int(NOW - seconds_ago * S), 2, backlog, None, None, batch, 500, 100)


GROWS = (look(30, 20_000), look(0, 50_000))
CASES: list[tuple[str, Kind, dict[str, Any]]] = [
    ("it grows from look to look", Kind.FALLS_BEHIND, {"history": GROWS}),
    ("it has grown for long", Kind.FALLS_BEHIND,
     {"history": tuple(look(ago, 50_000 - 400 * ago) for ago in (90, 60, 30))}),
    ("it shrinks", Kind.HEALTHY, {"history": (look(30, 60_000), look(0, 50_000))}),
    ("it grows by less than a tenth", Kind.HEALTHY, {"history": (look(30, 45_500), look(0, 50_000))}),
    ("it grew, and stands since a minute", Kind.HEALTHY,
     {"history": (look(90, 2_000), look(61, 50_000), look(30, 50_000))}),
    ("it grew while the driver started", Kind.HEALTHY, {"history": (look(40, 0, None), look(10, 50_000, None))}),
    ("it grows since the driver started", Kind.FALLS_BEHIND,
     {"history": (look(40, 0, None), look(10, 30_000, None), look(0, 50_000))}),
    ("before the first batch it was less", Kind.HEALTHY, {"history": (look(60, 0, None), look(30, 50_000))}),
    ("it is small", Kind.HEALTHY, {"history": (look(30, 0),), "log_ends": {0: 1_099}}),
    ("two batches read it", Kind.HEALTHY, {"history": GROWS, "heartbeat": beat(rows=25_001)}),
    ("it grew by no more than a batch", Kind.HEALTHY,
     {"history": (look(30, 30_000),), "heartbeat": beat(rows=20_000)}),
    ("it was seen once", Kind.SEEN_ONCE, {"history": (look(0, 50_000),)}),
    ("it was seen twice at once", Kind.SEEN_ONCE, {"history": (look(4, 50_000),)}),
    ("it was not seen while the broker was away", Kind.SEEN_ONCE,
     {"history": (replace(look(30, 0), backlog=None), look(0, 50_000))}),
    ("the broker is away", Kind.HEALTHY, {"history": GROWS, "log_ends": None}),
    ("it grows, and the driver was proved", Kind.HEALTHY, {"history": GROWS, "proved": True}),
    ("it grows for ten minutes", Kind.BACKLOG_RISING,
     {"history": tuple(look(30 * half, 50_000 - 1_000 * half) for half in range(21, -1, -1))}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "facts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_driver_that_commits_is_held_against_its_backlog(kind: Kind, facts: dict[str, Any]) -> None:
    assert judge(evidence(**{"log_ends": {0: 50_100}, **facts}), LIMITS, NOW).kind is kind


def test_the_growth_is_told_in_offsets() -> None:
    why = judge(evidence(log_ends={0: 50_100}, history=GROWS), LIMITS, NOW).why
    assert why == "the backlog grows: 20000 offsets 30 s ago, 50000 now"


def works(world: World, batch: int, rows: int, end: int) -> State:
    """Ten seconds later the driver has committed a batch of so many rows, and the topic ends there."""
    world.clock.pass_seconds(10)
    world.commit(batch, end=rows * (batch + 1), watermark=batch)
    world.beat(batch=batch, batch_at=world.clock.now, rows=rows)
    world.log_ends = {0: end}
    return world.tick().state


def test_three_batches_prove_no_driver_that_falls_behind(world: World) -> None:
    world.deploy()
    states = [works(world, batch, rows=1_000, end=1_000_000 * (batch + 1)) for batch in range(6)]
    assert states == [State.DEPLOYED] * 6
    assert world.row.reason == "FallsBehind: the backlog grows: 999000 offsets 20 s ago, 2997000 now"
    assert world.path()[-3:] == ["STARTING", "DEPLOYED", "DEPLOYED"]


def test_a_spec_that_falls_behind_gives_way(world: World) -> None:
    world.deploy()
    world.prove()
    world.ask(Desired.RUNNING, SPEC.replace("trigger: 2 seconds", "trigger: 3 seconds"))
    world.tick()
    world.launcher.end(0)
    world.tick()
    batch = 3
    while works(world, batch, rows=1_000, end=1_000_000 * batch) is State.DEPLOYED:
        batch += 1
    assert batch == 21, "180 s have passed"
    assert world.row.state is State.ROLLING_BACK
    assert world.row.reason.startswith("not proved in time: FallsBehind: the backlog grows: ")


def test_a_driver_that_catches_up_is_proved_by_its_third_batch(world: World) -> None:
    """A fast producer: so many events lie there when the driver runs, and each batch reads all that came meanwhile."""
    world.deploy()
    world.clock.pass_seconds(20)
    world.log_ends = {0: 260_000}
    world.beat(state="running")
    assert world.tick().state is State.DEPLOYED
    read = 0
    for batch, (seconds, rows) in enumerate([(10, 200_000), (5, 190_000), (3, 65_000)]):
        read += rows
        world.clock.pass_seconds(seconds)
        world.log_ends = {0: 260_000 + 13_000 * (world.clock.now - 1_700_000_020_000) // 1_000}
        world.commit(batch, end=read, watermark=batch)
    world.beat(batch=2, batch_at=world.clock.now, rows=65_000)
    assert world.tick().state is State.STABLE


def test_a_large_backlog_is_looked_at_twice(world: World) -> None:
    """With no watcher a keeper looks once a minute: of the first look alone nothing can be said."""
    world.deploy()
    world.clock.pass_seconds(60)
    for batch in range(3):
        world.commit(batch, end=1_000 * batch)
    world.beat(batch=2, batch_at=world.clock.now, rows=1_000)
    world.log_ends = {0: 500_000}
    assert world.tick().reason == "SeenOnce: a backlog of 498000 offsets, which may grow or shrink"
    world.clock.pass_seconds(60)
    world.commit(3, end=300_000)
    world.beat(batch=3, batch_at=world.clock.now, rows=1_000)
    assert world.tick().state is State.STABLE


def test_the_first_look_after_the_first_batch_is_kept(world: World) -> None:
    world.deploy()
    for seconds, batch in [(5, None), (5, None), (5, 0), (5, 1)]:
        world.clock.pass_seconds(seconds)
        world.beat(batch=batch)
        world.tick()
    assert [each.batch for each in world.registry.samples(STREAM, 0)] == [None, 0]


STALLED = tuple(replace(look(60 * minute, 0), watermark=5, read=1_000 - minute) for minute in range(20, -1, -1))
PROOFS: list[tuple[str, Proof, dict[str, Any]]] = [
    ("it is well", Proof.PROVED, {}),
    ("records are about to be lost", Proof.PROVED, {"unread": Unread(0.9, "old")}),
    ("it has not committed yet, and records are about to be lost", Proof.LACKING,
     {"base_batch": 7, "unread": Unread(0.9, "old")}),
    ("it falls behind, and records are about to be lost", Proof.LACKING,
     {"log_ends": {0: 50_100}, "history": GROWS, "unread": Unread(0.9, "old")}),
    ("its backlog was seen once, and records are about to be lost", Proof.OPEN,
     {"log_ends": {0: 50_100}, "history": (look(0, 50_000),), "unread": Unread(0.9, "old")}),
    ("its watermark stands", Proof.PROVED, {"history": STALLED}),
    ("a part of it fails", Proof.LACKING,
     {"heartbeat": beat(troubles=[{"part": "sink", "reason": "refused", "since": NOW}])}),
    ("its backlog rises", Proof.LACKING,
     {"log_ends": {0: 50_100}, "history": tuple(look(30 * half, 50_000 - 1_000 * half) for half in range(21, -1, -1))}),
    ("it is silent", Proof.LACKING, {"heartbeat": None}),
]  # fmt: skip


@pytest.mark.parametrize(("proof", "facts"), [case[1:] for case in PROOFS], ids=[case[0] for case in PROOFS])
def test_what_no_spec_could_help_keeps_none_from_being_proved(proof: Proof, facts: dict[str, Any]) -> None:
    assert judge(evidence(**facts), LIMITS, NOW).proof is proof


def another_spec(world: World) -> None:
    """Its driver has just been submitted, over one that was STABLE."""
    world.deploy()
    world.prove()
    world.ask(Desired.RUNNING, SPEC.replace("trigger: 2 seconds", "trigger: 3 seconds"))
    world.tick()
    world.launcher.end(0)
    assert world.tick().state is State.STARTING


def test_a_spec_that_catches_up_with_what_is_about_to_be_lost_is_proved(world: World) -> None:
    another_spec(world)
    world.unread = Unread(0.9, "old")
    for batch in range(3, 9):
        world.clock.pass_seconds(30)
        world.commit(batch, end=100_000 * batch, watermark=batch)
        world.beat(batch=batch, batch_at=world.clock.now, rows=100_000)
        world.log_ends = {0: 1_000_000}
        world.tick()
    assert world.row.state is State.DEGRADED
    assert world.row.reason.startswith("RetentionRisk (page): ")
    assert (world.row.stable_spec, world.row.prove_by) == (world.row.spec, None)
    assert world.registry.specs(STREAM)[0].stable_at is not None
    attempt = world.registry.attempt(STREAM, world.row.epoch)
    assert attempt is not None and attempt.stable_at is not None
    found = settled(world.row, Desired.RUNNING, proved=True)
    assert found is not None and found.reached and "RetentionRisk" in found.reason
    assert settled(world.row, Desired.RUNNING, proved=False) is None
    world.clock.pass_seconds(600)
    world.commit(9, end=1_000_000)
    world.beat(batch=9, batch_at=world.clock.now)
    assert world.tick().state is State.STABLE


def test_one_look_at_a_backlog_is_no_reason_to_give_way(world: World) -> None:
    """The broker, or the keeper, was away for all the time that the spec had."""
    another_spec(world)
    world.clock.pass_seconds(3_600)
    for batch in range(3, 6):
        world.commit(batch, end=1_000 * batch)
    world.beat(batch=5, batch_at=world.clock.now, rows=1_000)
    world.log_ends = {0: 500_000}
    assert world.tick().reason.startswith("SeenOnce: ")
    world.clock.pass_seconds(60)
    world.commit(6, end=400_000)
    world.beat(batch=6, batch_at=world.clock.now, rows=1_000)
    assert world.tick().state is State.STABLE


def test_a_spec_has_its_time_from_its_first_submit(world: World) -> None:
    """Nobody looks for an hour after the driver before it has ended."""
    world.deploy()
    world.prove()
    world.ask(Desired.RUNNING, SPEC.replace("trigger: 2 seconds", "trigger: 1 minute"))
    world.tick()
    world.launcher.end(0)
    world.clock.pass_seconds(3_600)
    assert world.tick().state is State.STARTING
    assert world.row.prove_by == world.clock.now + 360_000, "by its own trigger"
    by = world.row.prove_by
    world.launcher.end(70)
    world.tick()
    world.clock.pass_seconds(60)
    assert world.tick().state is State.STARTING
    assert world.row.prove_by == by, "a restart gives it no more"


@pytest.mark.parametrize(
    ("batches", "quiet", "backlog", "kind"),
    [
        (2, 1, 0, Kind.IDLE),
        (1, 2, 0, Kind.IDLE),
        (2, 0, 0, Kind.UNPROVEN),
        (1, 1, 0, Kind.UNPROVEN),
        (2, 1, 1, Kind.UNPROVEN),
        (0, 3, 0, Kind.IDLE),
    ],
)
def test_where_records_are_rare_batches_and_quiet_triggers_prove_it_together(
    batches: int, quiet: int, backlog: int, kind: Kind
) -> None:
    facts = {"base_batch": 9 - batches, "heartbeat": beat(quiet_triggers=quiet), "log_ends": {0: 100 + backlog}}
    assert judge(evidence(**facts), LIMITS, NOW).kind is kind


def test_each_counts_by_the_share_that_it_is_of_the_proof() -> None:
    limits = replace(LIMITS, stable_batches=10)
    found = judge(evidence(base_batch=6, heartbeat=beat(quiet_triggers=1)), limits, NOW)
    assert found.why == "3 of 10 batches committed, and 1 of 3 triggers without anything to do"
    assert judge(evidence(base_batch=6, heartbeat=beat(quiet_triggers=3)), limits, NOW).kind is Kind.IDLE
