from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn
from xmlrpc.client import Fault

import pytest

from support.keeper_world import STREAM, World
from tideline.keeper.lifecycle import State
from tideline.launcher.base import LauncherUnreachable

FULL = OSError(28, "No space left on device")


def refuse(error: Exception) -> Callable[..., NoReturn]:
    def refused(*_: object) -> NoReturn:
        raise error

    return refused


def no_launch(world: World) -> None:
    world.build = refuse(FULL)  # type: ignore[method-assign]
    world.keeper = world.new_keeper()


def no_epoch_file(world: World) -> None:
    world.home.stream(STREAM).root.mkdir(parents=True)
    world.home.stream(STREAM).epochs.touch()


def no_kill(world: World) -> None:
    world.launcher.kill = refuse(Fault(30, "FAILED"))  # type: ignore[method-assign]


def no_submit(world: World) -> None:
    world.launcher.submit = refuse(Fault(60, "ALREADY_STARTED"))  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("break_down", "reason"),
    [
        (no_launch, "not submitted: OSError: [Errno 28] No space left on device"),
        (no_epoch_file, "not submitted: NotADirectoryError: "),
        (no_kill, "not submitted: Fault: <Fault 30: 'FAILED'>"),
        (no_submit, "not submitted: Fault: <Fault 60: 'ALREADY_STARTED'>"),
    ],
)
def test_what_the_machine_refuses_waits_and_says_why(
    world: World, break_down: Callable[[World], None], reason: str
) -> None:
    break_down(world)
    row = world.deploy()
    assert row.state is State.BACKOFF
    assert row.reason.startswith(reason)


def test_a_submit_that_fails_uses_up_an_epoch_each_half_minute_only(world: World) -> None:
    no_launch(world)
    world.deploy()
    for _ in range(3):
        world.clock.pass_seconds(9)
        world.tick()
    assert world.row.epoch == 1
    world.clock.pass_seconds(9)
    assert (world.tick().state, world.row.epoch) == (State.BACKOFF, 2)


def test_a_submit_succeeds_once_the_machine_allows_it(world: World) -> None:
    no_submit(world)
    world.deploy()
    del world.launcher.submit
    world.clock.pass_seconds(30)
    assert world.tick().state is State.STARTING
    assert world.launcher.submits == [f"{STREAM}-e2"]


def test_a_launcher_that_is_lost_in_a_submit_may_have_started_the_driver(world: World) -> None:
    submit = world.launcher.submit

    def lost(*arguments: object) -> NoReturn:
        submit(*arguments)  # type: ignore[arg-type]
        raise LauncherUnreachable("no answer")

    world.launcher.submit = lost  # type: ignore[method-assign, assignment]
    with pytest.raises(LauncherUnreachable):
        world.deploy()
    assert world.tick().state is State.STARTING
    assert world.launcher.submits == [f"{STREAM}-e1"]


def test_a_checkpoint_that_cannot_be_read_asks_a_person_before_a_driver_is_submitted(world: World) -> None:
    offsets = world.home.stream(STREAM).checkpoint(1) / "offsets"
    world.deploy()
    world.prove()
    (offsets / "2").write_text("v9\n{}\n{}")
    world.launcher.end(-1)
    row = world.tick()
    assert (row.state, row.epoch, len(world.launcher.submits)) == (State.FAILED, 2, 1)
    assert "version 'v9'" in row.reason
