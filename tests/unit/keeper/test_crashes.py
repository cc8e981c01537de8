from __future__ import annotations

import pytest

from support.fuse import Fuse, Killed
from support.keeper_world import BY, SPEC, STREAM, World
from tideline.keeper.epochs import current_epoch
from tideline.keeper.lifecycle import LIVE, Desired, State


def run_until_killed(world: World, at: int, after: bool) -> bool:
    """Ticks with a keeper that dies at one of its calls; whether it came to that."""
    fuse = Fuse(at, after)
    keeper = world.new_keeper(fuse.guard(world.registry), fuse.guard(world.launcher))
    try:
        keeper.tick(STREAM, BY)
    except Killed:
        world.clock.pass_seconds(200)  # its lease runs out
    return fuse.blown


def assert_one_driver(world: World) -> None:
    for _ in range(3):
        world.tick()
        world.clock.pass_seconds(40)
    epoch = current_epoch(world.home.stream(STREAM).epochs)
    assert world.launcher.state.alive
    assert world.launcher.state.tag == f"{STREAM}-e{epoch}"
    assert (world.row.epoch, world.row.state) == (epoch, State.STARTING)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 18))
def test_a_keeper_killed_in_a_deploy_leaves_one_driver(world: World, at: int, after: bool) -> None:
    world.ask(Desired.RUNNING, SPEC)
    run_until_killed(world, at, after)
    assert_one_driver(world)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 30))
def test_a_keeper_killed_in_a_restart_leaves_one_driver(world: World, at: int, after: bool) -> None:
    world.deploy()
    world.prove()
    world.launcher.end(-1)
    run_until_killed(world, at, after)
    assert_one_driver(world)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 14))
def test_a_keeper_killed_as_it_gives_a_driver_up_leaves_no_live_one_ended(world: World, at: int, after: bool) -> None:
    world.deploy()
    world.prove()
    world.log_ends = {0: 10}
    world.clock.pass_seconds(61)
    world.beat(progress_at=world.clock.now - 61_000)
    run_until_killed(world, at, after)
    attempt = world.registry.attempt(STREAM, 1)
    assert attempt is not None
    assert (attempt.ended_at is None) == (world.row.state in LIVE)


def test_the_kill_points_cover_a_whole_deploy_and_restart(world: World) -> None:
    world.ask(Desired.RUNNING, SPEC)
    assert not run_until_killed(world, 18, after=False)
    world.prove()
    world.launcher.end(-1)
    assert not run_until_killed(world, 30, after=False)


def test_a_driver_submitted_but_not_recorded_is_adopted(world: World) -> None:
    world.ask(Desired.RUNNING, SPEC)
    for at in range(1, 18):
        if world.launcher.submits:
            break
        fuse = Fuse(at, after=True)
        keeper = world.new_keeper(launcher=fuse.guard(world.launcher))
        with pytest.raises(Killed):
            keeper.tick(STREAM, BY)
    assert world.row.state is State.SUBMITTING
    submitted = world.launcher.submits[-1]
    assert world.tick().state is State.STARTING
    assert world.launcher.submits[-1] == submitted
    assert "adopted" in world.row.reason
