from __future__ import annotations

from dataclasses import replace

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.settle import MOST_LOSSES, Wait, longest_wait_ms, settled
from tideline.keeper.verdict import Thresholds
from tideline.registry.requests import Request


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


def paced(trigger: str) -> str:
    return SPEC.replace("trigger: 2 seconds", f"trigger: {trigger}")


def upgraded(world: World, spec: str) -> Wait:
    """Another spec is asked for, and somebody waits; its driver runs, and commits nothing."""
    world.deploy()
    world.prove()
    parsed = parse_deployed(spec)
    within = Thresholds.of(parsed).prove_within_ms
    wanted = Request(STREAM, Desired.RUNNING, "someone", spec, parsed.fingerprint(), prove_within_ms=within)
    world.registry.request(wanted)
    wait = Wait(Desired.RUNNING, world.clock.now, world.clock.now + 360_000)
    world.tick()
    world.launcher.end(0)
    world.tick()
    world.log_ends = {0: 10}
    return wait


def runs_on(world: World, seconds: int) -> State:
    world.clock.pass_seconds(seconds)
    world.beat(state="running")
    return world.tick().state


def test_a_wait_lasts_until_a_spec_with_a_long_trigger_is_put_back(world: World) -> None:
    wait = upgraded(world, paced("1 minute"))
    for seconds, state in ((359, State.DEPLOYED), (2, State.ROLLING_BACK), (61, State.STARTING)):
        assert runs_on(world, seconds) is state
        assert wait.ends(world.row, world.clock.now) is None
    world.log_ends = {0: 0}
    world.beat(idle_triggers=3)
    world.tick()
    found = wait.ends(world.row, world.clock.now)
    assert found is not None
    assert not found.reached
    assert found.reason == (
        "not proved in time: Unproven: 0 of 3 batches committed; the last stable spec is back, STABLE at epoch 3"
    )


def test_a_wait_that_is_over_says_what_was_refused(world: World) -> None:
    wait = upgraded(world, paced("1 minute"))
    for seconds in (361, 61):
        runs_on(world, seconds)
        assert wait.ends(world.row, world.clock.now) is None
    world.launcher.reachable = False
    world.log_ends = None
    world.clock.pass_seconds(360)
    assert world.tick().state is State.UNKNOWN
    assert wait.ends(world.row, wait.until) is None
    found = wait.ends(world.row, wait.until + 1)
    assert found is not None
    assert found.reason == (
        "not proved in time: Unproven: 0 of 3 batches committed; orders is still UNKNOWN, wanted RUNNING: "
        f"{world.row.reason}"
    )


@pytest.mark.parametrize(
    ("trigger", "first_s", "next_s"), [("2 seconds", 300, 600), ("1 minute", 480, 780), ("5 minutes", 1440, 1740)]
)
def test_how_long_a_wait_may_last_follows_from_the_specs(world: World, trigger: str, first_s: int, next_s: int) -> None:
    world.ask(Desired.RUNNING, paced(trigger))
    assert longest_wait_ms(world.row) == first_s * 1000
    assert longest_wait_ms(replace(world.row, stable_spec=SPEC)) == next_s * 1000
    assert longest_wait_ms(replace(world.row, spec="of: another version")) == 0


def test_a_wait_for_an_end_is_as_long_as_it_was_given(world: World) -> None:
    world.deploy()
    world.ask(Desired.STOPPED)
    wait = Wait(Desired.STOPPED, world.clock.now, world.clock.now + 180_000)
    assert wait.ends(world.tick(), world.clock.now + 180_000) is None
    found = wait.ends(world.row, world.clock.now + 180_001)
    assert found is not None
    assert found.reason == "orders is still DRAINING, wanted STOPPED: someone asked for it"


def test_a_wait_counts_the_drivers_lost_since_it_began(world: World) -> None:
    world.deploy()
    lose(world, 71)
    wait = Wait(Desired.RUNNING, world.clock.now, world.clock.now + 3_600_000)
    for _ in range(MOST_LOSSES - 1):
        assert wait.ends(world.row, world.clock.now) is None
        lose(world, 71)
    assert wait.ends(world.row, world.clock.now) is None
    lose(world, 71)
    assert wait.ends(world.row, world.clock.now) is not None
