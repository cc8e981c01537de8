"""What proves a driver: batches alone do not, where its backlog grows all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.keeper.health import judge
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.samples import Sample
from tideline.keeper.verdict import Kind

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
    ("it was seen once", Kind.UNPROVEN, {"history": (look(0, 50_000),)}),
    ("it was seen twice at once", Kind.UNPROVEN, {"history": (look(4, 50_000),)}),
    ("it was not seen while the broker was away", Kind.UNPROVEN,
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
    assert world.tick().reason == "Unproven: a backlog of 498000 offsets was seen only once"
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
