"""A deploy that is not proved gives way to the spec that was; without one, a person is asked as ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.keeper.last_words import last_words
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.settle import settled
from tideline.registry.rows import Move

WIDER = SPEC.replace("1 minute", "2 minutes")
SLOWER = SPEC.replace("trigger: 2 seconds", "trigger: 3 seconds")
WITHIN_S = 180


def replaced(world: World, spec: str) -> None:
    """A stable stream is deployed by another spec, and its driver has ended in order."""
    world.deploy()
    world.prove()
    world.ask(Desired.RUNNING, spec)
    world.tick()
    world.launcher.end(0)
    assert world.tick().state is State.STARTING


def back(world: World) -> None:
    """The refused driver ends, the old spec's is submitted."""
    if world.launcher.state.alive:
        world.launcher.end(0)
    assert world.tick().state is State.STARTING
    assert world.row.spec == SPEC
    assert world.home.stream(STREAM).spec.read_text() == SPEC


@pytest.mark.parametrize("exit_status", [65, 66])
def test_a_spec_that_fails_at_once_gives_way_at_once(world: World, exit_status: int) -> None:
    replaced(world, WIDER)
    world.home.stream(STREAM).log.write_text("first\nno such column\n")
    world.launcher.end(exit_status)
    world.tick()
    assert world.path()[-5:] == ["UNHEALTHY", "ROLLING_BACK", "FENCING", "SUBMITTING", "STARTING"]
    assert (world.row.spec, world.row.generation, world.row.next_generation) == (SPEC, 3, 3)
    world.home.stream(STREAM).log.write_text("of the next driver\n")
    assert last_words(world.registry, world.home, STREAM) == ["first", "no such column"]


def test_a_spec_that_changes_no_number_keeps_its_checkpoint(world: World) -> None:
    replaced(world, SLOWER)
    world.launcher.end(65)
    world.tick()
    assert (world.row.spec, world.row.generation) == (SPEC, 1)


def test_a_spec_that_is_not_proved_in_time_gives_way(world: World) -> None:
    replaced(world, WIDER)
    world.beat(state="starting")
    world.clock.pass_seconds(WITHIN_S)
    world.beat(state="running")
    world.log_ends = {0: 10}
    assert world.tick().state is State.DEPLOYED
    world.clock.pass_seconds(1)
    world.beat(state="running")
    row = world.tick()
    assert (row.state, row.reason) == (State.ROLLING_BACK, "not proved in time: Unproven: 0 of 3 batches committed")
    assert settled(row, Desired.RUNNING) is None
    back(world)
    assert settled(world.row, Desired.RUNNING) is None
    world.beat(idle_triggers=3)
    world.log_ends = {0: 0}
    row = world.tick()
    assert row.state is State.STABLE
    found = settled(row, Desired.RUNNING)
    assert found is not None and not found.reached
    assert found.reason == f"{row.refused}; the last stable spec is back, STABLE at epoch 3"
    world.clock.pass_seconds(10 * WITHIN_S)
    world.beat(idle_triggers=30)
    assert world.tick().state is State.STABLE


def test_a_crash_loop_gives_way_to_the_last_stable_spec(world: World) -> None:
    replaced(world, WIDER)
    for _ in range(4):
        world.launcher.end(70)
        world.tick()
        world.clock.pass_seconds(25)
        world.tick()
    assert "CRASH_LOOP" not in world.path()
    assert world.row.spec == SPEC


def test_the_spec_that_is_put_back_has_a_budget_of_its_own(world: World) -> None:
    test_a_crash_loop_gives_way_to_the_last_stable_spec(world)
    world.launcher.end(70)
    assert world.tick().state is State.BACKOFF


def test_a_driver_that_waits_for_its_next_try_gives_way_in_time(world: World) -> None:
    replaced(world, WIDER)
    world.clock.pass_seconds(WITHIN_S - 1)
    world.launcher.end(70)
    assert world.tick().state is State.BACKOFF
    world.clock.pass_seconds(2)
    world.tick()
    assert world.path()[-5:] == ["BACKOFF", "ROLLING_BACK", "FENCING", "SUBMITTING", "STARTING"]
    assert world.row.spec == SPEC


def test_nobody_gives_way_while_no_witness_can_be_asked(world: World) -> None:
    replaced(world, WIDER)
    world.launcher.reachable = False
    world.clock.pass_seconds(WITHIN_S * 2)
    world.log_ends = None
    assert world.tick().state is State.UNKNOWN


def test_a_spec_that_is_proved_is_the_one_to_go_back_to(world: World) -> None:
    replaced(world, WIDER)
    world.beat(idle_triggers=3)
    assert world.tick().state is State.STABLE
    assert (world.row.stable_spec, world.row.prove_by, world.row.refused) == (WIDER, None, None)
    world.launcher.end(65)
    assert world.tick().state is State.FAILED
    assert world.row.spec == WIDER


def test_a_stable_spec_that_this_version_cannot_read_is_told_and_a_person_asked(world: World) -> None:
    replaced(world, WIDER)
    unread = SPEC.replace("window:", "no_such_key:")
    world.registry.record(world.row, Move(State.DEPLOYED, "as it was", "test"), stable_spec=unread)
    world.launcher.end(65)
    row = world.tick()
    assert row.state is State.FAILED
    assert "this version cannot read the last stable spec" in row.reason
    assert "exit status 65" in row.reason
    assert (row.spec, row.prove_by) == (WIDER, None)
    found = settled(row, Desired.RUNNING)
    assert found is not None and not found.reached
    assert world.tick().state is State.FAILED


def test_a_first_deploy_has_nothing_to_go_back_to(world: World) -> None:
    world.deploy()
    world.clock.pass_seconds(WITHIN_S * 2)
    world.launcher.end(65)
    assert world.tick().state is State.FAILED


def test_what_is_asked_for_meanwhile_comes_before_the_old_spec(world: World) -> None:
    replaced(world, WIDER)
    world.clock.pass_seconds(WITHIN_S + 1)
    world.beat(state="running")
    world.log_ends = {0: 10}
    assert world.tick().state is State.ROLLING_BACK
    world.ask(Desired.RUNNING, SLOWER)
    world.launcher.end(0)
    assert world.tick().state is State.STARTING
    assert (world.row.spec, world.row.refused) == (SLOWER, None)
    assert world.row.prove_by == world.clock.now + WITHIN_S * 1000


def test_a_stop_comes_before_the_old_spec(world: World) -> None:
    replaced(world, WIDER)
    world.clock.pass_seconds(WITHIN_S + 1)
    world.beat(state="running")
    world.log_ends = {0: 10}
    world.tick()
    world.ask(Desired.STOPPED)
    world.launcher.end(0)
    world.tick()
    assert world.tick().state is State.STOPPED


def test_a_stream_that_is_started_again_has_its_time_again(world: World) -> None:
    replaced(world, WIDER)
    world.ask(Desired.STOPPED)
    world.tick()
    world.launcher.end(0)
    world.tick()
    world.clock.pass_seconds(WITHIN_S * 2)
    world.ask(Desired.RUNNING)
    assert world.tick().state is State.STARTING
    assert world.row.prove_by == world.clock.now + WITHIN_S * 1000


def test_the_stable_spec_deployed_again_is_no_failure(world: World) -> None:
    replaced(world, WIDER)
    world.launcher.end(65)
    world.tick()
    world.beat(idle_triggers=3)
    assert world.tick().state is State.STABLE
    world.ask(Desired.RUNNING, SPEC)
    world.tick()
    found = settled(world.row, Desired.RUNNING)
    assert found is None or found.reached


def works(world: World, begin: int, until: int, backlog: Callable[[int], int], batch_ms: int = 300) -> None:
    """The driver commits these batches, one in half a minute and each so long; the keeper looks after each of them."""
    for batch in range(begin, until):
        world.clock.pass_seconds(30)
        world.commit(batch, end=1_000 * batch, watermark=batch)
        world.beat(batch=batch, batch_at=world.clock.now, batch_ms=batch_ms, rows=1_000)
        world.log_ends = {0: 1_000 * batch + backlog(batch)}
        world.tick()


def upgraded(world: World) -> None:
    """The stream is deployed by a spec that changes no number, and the driver before has ended in order."""
    world.ask(Desired.RUNNING, SLOWER)
    world.tick()
    world.launcher.end(0)
    assert world.tick().state is State.STARTING


def test_a_spec_that_mends_slow_batches_is_judged_by_its_own(world: World) -> None:
    world.deploy()
    world.prove()
    works(world, 3, 33, lambda batch: 0, batch_ms=30_000)
    assert world.row.reason.startswith("BatchSlowerThanTrigger: ")
    upgraded(world)
    works(world, 33, 48, lambda batch: 0)
    assert (world.row.epoch, world.path()[-3:]) == (2, ["STARTING", "DEPLOYED", "STABLE"])


def test_a_spec_that_mends_a_rising_backlog_is_judged_by_its_own(world: World) -> None:
    world.deploy()
    world.prove()
    works(world, 3, 63, lambda batch: 5_000 * batch)
    assert world.row.reason.startswith("BacklogRising (page): ")
    upgraded(world)
    works(world, 63, 83, lambda batch: 300_000 - 10_000 * (batch - 62))
    assert (world.row.epoch, world.path()[-3:]) == (2, ["STARTING", "DEPLOYED", "STABLE"])
