"""A driver that is given up ends there and then: nobody judges it while its successor waits or a person is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn
from xmlrpc.client import Fault

import pytest

from support.keeper_world import SPEC, World
from tideline.keeper.lifecycle import Desired, State


def never_started(world: World) -> None:
    world.clock.pass_seconds(121)
    world.beat(state="starting")
    world.tick()


def hung(world: World) -> None:
    """It ran, committed nothing, and stands still with a backlog."""
    moved_at = world.clock.now
    world.log_ends = {0: 10}
    world.clock.pass_seconds(121)
    world.beat(progress_at=moved_at)
    world.tick()


@pytest.mark.parametrize("gives_up", [never_started, hung])
def test_a_driver_that_is_given_up_runs_no_more(world: World, gives_up: Callable[[World], None]) -> None:
    world.deploy()
    states = []
    for _ in range(4):
        gives_up(world)
        states.append(world.row.state)
        assert not world.launcher.state.alive
        world.clock.pass_seconds(25)
        world.tick()
    assert states == [State.BACKOFF, State.BACKOFF, State.BACKOFF, State.CRASH_LOOP]


def test_a_spec_whose_driver_hangs_gives_way_without_a_time_to_drain(world: World) -> None:
    world.deploy()
    world.prove()
    world.ask(Desired.RUNNING, SPEC.replace("1 minute", "2 minutes") + "restart: {failures_in_an_hour: 1}\n")
    world.tick()
    world.launcher.end(0)
    world.tick()
    never_started(world)
    assert world.path()[-5:] == ["UNHEALTHY", "ROLLING_BACK", "FENCING", "SUBMITTING", "STARTING"]


def no_answer(*_: object) -> NoReturn:
    raise Fault(30, "FAILED")


@pytest.mark.parametrize(
    ("kill", "told"),
    [(None, "; its driver could not be ended"), (no_answer, "; its driver could not be ended: Fault")],
)
def test_a_driver_that_nobody_can_end_is_told_and_keeps_nothing_waiting(
    world: World, kill: Callable[..., None] | None, told: str
) -> None:
    world.deploy()
    world.launcher.unkillable = True
    if kill is not None:
        world.launcher.kill = kill  # type: ignore[method-assign]
    never_started(world)
    assert world.row.state is State.BACKOFF
    assert world.row.reason.endswith(f"restart in 5.0 s{told}")
