"""The keeper and a stream that runs a job: no topic, no commit log that it can read, and no metrics."""

from __future__ import annotations

import pytest

from support.keeper_world import STREAM, TOPIC, World
from tideline.keeper.late_watch import LateWatch
from tideline.keeper.lifecycle import Desired, State

JOB = f"""\
name: {STREAM}
entrypoint: jobs/basics/word_count.py
arguments: {{host: 127.0.0.1, port: 9999}}
trigger: 2 seconds
"""
READER = f"{JOB}topic: {TOPIC}\n"


def running(world: World, job: str = JOB) -> World:
    world.ask(Desired.RUNNING, job)
    world.tick()
    return world


def test_a_job_is_stable_after_three_batches_by_its_own_word(world: World) -> None:
    running(world).beat(batches=2)
    assert world.tick().state is State.DEPLOYED
    world.beat(batches=3)
    assert world.tick().state is State.STABLE


def test_the_broker_is_not_asked_for_a_job_without_a_topic(world: World) -> None:
    running(world).log_ends = None
    world.beat(batches=3)
    assert world.tick().state is State.STABLE


def test_a_job_in_the_middle_of_a_trigger_for_too_long_is_replaced(world: World) -> None:
    running(world).beat(batches=3)
    world.tick()
    stuck_at = world.clock.now
    world.clock.pass_seconds(61)
    world.beat(batches=3, progress_at=stuck_at)
    row = world.tick()
    assert (row.state, row.reason) == (State.BACKOFF, row.reason)
    assert "in the middle of a trigger" in row.reason


def test_a_job_that_began_a_new_epoch_has_its_batches_counted_anew(world: World) -> None:
    running(world).beat(batches=30)
    world.tick()
    world.launcher.end(1)
    world.tick()
    world.clock.pass_seconds(10)
    world.tick()
    world.beat(batches=1, epoch=2)
    assert world.row.epoch == 2
    assert world.tick().state is State.DEPLOYED


def test_a_job_has_no_late_alert(world: World) -> None:
    running(world).beat(late_version=7)
    assert LateWatch(world.registry, world.home, world.clock).fresh_notices() == []


@pytest.mark.parametrize(("watermark", "state"), [(0, State.STABLE), (5_000, State.DEGRADED)])
def test_a_job_may_do_without_a_watermark(world: World, watermark: int, state: State) -> None:
    """Spark writes 0 for none; of one that a job has, it is told that it stands."""
    running(world, READER)
    for batch in range(60):
        world.clock.pass_seconds(30)
        world.commit(batch, end=10 * batch, watermark=watermark)
        world.log_ends = {0: 10 * batch}
        world.beat(batch=batch, batch_at=world.clock.now, rows=10)
        world.tick()
    assert world.row.state is state
