from __future__ import annotations

import pytest

from support.keeper_world import SPEC, World
from tideline.keeper.lifecycle import Desired
from tideline.keeper.settle import MOST_LOSSES, settled


def test_a_deploy_settles_when_it_is_stable(world: World) -> None:
    world.deploy()
    assert settled(world.row, Desired.RUNNING) is None
    found = settled(world.prove(), Desired.RUNNING)
    assert found is not None
    assert found.reached


def test_a_stable_stream_with_a_newer_request_has_not_settled(world: World) -> None:
    world.deploy()
    world.prove()
    world.ask(Desired.RUNNING, SPEC + "description: new\n")
    assert settled(world.row, Desired.RUNNING) is None


@pytest.mark.parametrize("exit_status", [65, 66])
def test_a_deploy_fails_with_the_reason(world: World, exit_status: int) -> None:
    world.deploy()
    world.launcher.end(exit_status)
    found = settled(world.tick(), Desired.RUNNING)
    assert found is not None
    assert not found.reached
    assert f"exit status {exit_status}" in found.reason


def test_nobody_is_kept_waiting_for_a_stream_that_loses_driver_after_driver(world: World) -> None:
    world.deploy()
    for losses in range(MOST_LOSSES):
        assert settled(world.row, Desired.RUNNING) is None, losses
        lose(world, 71)
    assert settled(world.row, Desired.RUNNING, known_losses=1) is None, "who began to wait after the first"
    found = settled(world.row, Desired.RUNNING)
    assert found is not None
    assert not found.reached
    assert "3 drivers were lost and none STABLE since" in found.reason
    assert "ConnectException: Connection refused" in found.reason


def lose(world: World, exit_status: int) -> None:
    world.clock.pass_seconds(60)
    world.tick()
    world.beat(exception="ConnectException: Connection refused")
    world.launcher.end(exit_status)
    world.tick()


def test_a_third_loss_that_needs_a_person_says_so(world: World) -> None:
    world.deploy()
    for exit_status in (71, 71, 65):
        lose(world, exit_status)
    found = settled(world.row, Desired.RUNNING)
    assert found is not None
    assert "is FAILED: DriverLost" in found.reason
    assert "needs a person" in found.reason


def test_a_failed_stream_asked_for_again_is_given_a_chance(world: World) -> None:
    world.deploy()
    world.launcher.end(65)
    world.tick()
    world.ask(Desired.RUNNING, SPEC)
    assert settled(world.row, Desired.RUNNING) is None


def test_a_deploy_that_was_stopped_meanwhile_fails(world: World) -> None:
    world.deploy()
    world.ask(Desired.STOPPED)
    found = settled(world.row, Desired.RUNNING)
    assert found is not None
    assert not found.reached


def test_a_stop_settles_when_the_driver_has_ended(world: World) -> None:
    world.deploy()
    world.ask(Desired.STOPPED)
    world.tick()
    assert settled(world.row, Desired.STOPPED) is None
    world.launcher.end(0)
    found = settled(world.tick(), Desired.STOPPED)
    assert found is not None
    assert found.reached


def test_a_stop_of_a_stopped_stream_has_settled(world: World) -> None:
    world.ask(Desired.RUNNING, SPEC)
    world.ask(Desired.STOPPED)
    world.tick()
    world.ask(Desired.STOPPED)
    found = settled(world.row, Desired.STOPPED)
    assert found is not None
    assert found.reached
