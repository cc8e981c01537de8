"""Kafka forgets whether a driver runs or not: how near what was not read is to that is looked at all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.keeper_world import STREAM, World
from tideline.keeper.evidence import Unread
from tideline.keeper.lifecycle import Desired, State


def runs(world: World) -> None:
    world.commit(3, end=10)
    world.beat(batch=3)


def fails(world: World) -> None:
    world.launcher.end(65)
    world.tick()


def is_suspended(world: World) -> None:
    world.ask(Desired.SUSPENDED)
    world.tick()
    world.launcher.end(0)
    world.tick()


def crash_loops(world: World) -> None:
    for _ in range(5):
        world.launcher.end(70)
        world.tick()
        world.clock.pass_seconds(60)
        world.tick()


@pytest.mark.parametrize(
    ("comes", "state"),
    [
        (runs, State.DEGRADED),
        (fails, State.FAILED),
        (is_suspended, State.SUSPENDED),
        (crash_loops, State.CRASH_LOOP),
    ],
)
def test_what_is_about_to_be_lost_is_kept_with_each_look(
    world: World, comes: Callable[[World], None], state: State
) -> None:
    world.deploy()
    world.prove()
    comes(world)
    world.log_ends, world.unread = {0: 500}, Unread(0.9, "old")
    world.clock.pass_seconds(31)
    if state is State.DEGRADED:
        world.beat(batch=3)
    assert world.tick().state is state
    newest = world.registry.samples(STREAM, 0)[-1]
    assert (newest.at, newest.unread, (newest.backlog or 0) > 400) == (world.clock.now, 0.9, True)
    assert (newest.batch is not None) is (state is State.DEGRADED)


def test_before_its_source_has_told_where_it_begins_nothing_is_known_to_be_about_to_be_lost(world: World) -> None:
    """A new generation goes on where the ledger ends: to its checkpoint all that the topic holds is new."""
    world.deploy()
    world.log_ends, world.unread = {0: 500}, Unread(0.9, "old")
    for _ in range(3):
        world.clock.pass_seconds(31)
        world.beat(state="running")
        assert world.tick().state is State.DEPLOYED
    assert world.registry.samples(STREAM, 0)[-1].unread is None


def test_with_no_backlog_nothing_is_about_to_be_lost(world: World) -> None:
    world.deploy()
    world.prove()
    assert world.registry.samples(STREAM, 0)[-1].unread == 0


def test_a_stream_that_is_wanted_no_more_is_not_looked_at(world: World) -> None:
    world.deploy()
    world.prove()
    world.ask(Desired.STOPPED)
    world.tick()
    world.launcher.end(0)
    assert world.tick().state is State.STOPPED
    before = world.registry.samples(STREAM, 0)
    world.clock.pass_seconds(60)
    world.tick()
    assert world.registry.samples(STREAM, 0) == before
