from __future__ import annotations

import pytest

from support.fuse import Fuse, Killed
from support.keeper_world import BY, SPEC, STREAM, World
from tideline.keeper.epochs import current_epoch
from tideline.keeper.keeper import LEASE_MS
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
    assert world.launcher.live == {world.launcher.state.tag} == {f"{STREAM}-e{epoch}"}
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


def hang(world: World) -> None:
    """A stable driver has backlog, and stands still."""
    world.deploy()
    world.prove()
    world.log_ends = {0: 10}
    world.clock.pass_seconds(61)
    world.beat(progress_at=world.clock.now - 61_000)


@pytest.mark.parametrize("unkillable", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 20))
def test_a_keeper_killed_as_it_gives_a_driver_up_leaves_one_in_the_end(
    world: World, at: int, after: bool, unkillable: bool
) -> None:
    hang(world)
    world.launcher.unkillable = unkillable
    run_until_killed(world, at, after)
    world.launcher.unkillable = False
    assert_one_driver(world)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 20))
def test_a_keeper_killed_as_it_gives_a_driver_up_leaves_no_live_one_ended(world: World, at: int, after: bool) -> None:
    hang(world)
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


def test_the_kill_points_cover_the_end_of_a_driver_that_hangs(world: World) -> None:
    hang(world)
    assert not run_until_killed(world, 20, after=False)


def test_a_keeper_that_is_killed_holds_its_lease_until_it_runs_out(world: World) -> None:
    world.ask(Desired.RUNNING, SPEC)
    fuse = Fuse(4, after=True)
    with pytest.raises(Killed):
        world.new_keeper(fuse.guard(world.registry), fuse.guard(world.launcher)).tick(STREAM, BY)
    before = world.row
    world.clock.pass_seconds(LEASE_MS / 1000 - 1)
    assert world.tick() == before
    world.clock.pass_seconds(1)
    assert world.tick().state is State.STARTING


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
