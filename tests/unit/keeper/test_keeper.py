from __future__ import annotations

import json

import pytest

from support.keeper_world import BY, SPEC, STREAM, World
from tideline.errors import UserError
from tideline.keeper.asking import ask_to_restart
from tideline.keeper.epochs import current_epoch
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.plan import DRAIN_MS
from tideline.launcher.base import LauncherState, Phase
from tideline.registry.rows import UnknownStream


def stable(world: World) -> World:
    world.deploy()
    world.prove()
    assert world.row.state is State.STABLE
    return world


def test_a_deploy_fences_then_submits(world: World) -> None:
    row = world.deploy()
    assert world.path() == ["FENCING", "SUBMITTING", "STARTING"]
    assert (row.epoch, world.launcher.submits) == (1, [f"{STREAM}-e1"])


def test_the_epoch_file_is_there_before_the_driver(world: World) -> None:
    world.deploy()
    file = world.home.stream(STREAM).epochs / "00000001"
    assert json.loads(file.read_text()) == {
        "epoch": 1,
        "generation": 1,
        "tag": f"{STREAM}-e1",
        "at": world.clock.now,
        "reason": "someone asked for it",
    }


def test_the_driver_obeys_the_spec_as_deployed(world: World) -> None:
    world.deploy()
    assert world.home.stream(STREAM).spec.read_text() == SPEC


def test_committed_batches_prove_a_driver(world: World) -> None:
    world.deploy()
    world.beat()
    assert world.tick().state is State.DEPLOYED
    assert world.prove().state is State.STABLE


def test_an_idle_stream_is_stable_after_three_idle_triggers(world: World) -> None:
    world.deploy()
    world.beat(idle_triggers=3)
    assert world.tick().state is State.STABLE


def test_a_generation_that_begins_at_the_topics_end_is_idle(world: World) -> None:
    world.log_ends = {0: 1_000_000}
    world.deploy()
    source = world.home.stream(STREAM).checkpoint(1) / "sources" / "0"
    source.mkdir(parents=True)
    (source / "0").write_bytes(b'\0v1\n{"orders-topic":{"0":1000000}}')
    world.beat(idle_triggers=3)
    assert world.tick().state is State.STABLE
    world.clock.pass_seconds(600)
    world.beat(idle_triggers=300, progress_at=None)
    assert world.tick().state is State.STABLE


def test_a_stable_spec_is_remembered(world: World) -> None:
    assert stable(world).row.stable_spec == SPEC


def test_batches_of_an_earlier_epoch_prove_nothing(world: World) -> None:
    stable(world)
    world.launcher.end(-1)
    world.tick()
    world.beat()
    assert world.tick().state is State.DEPLOYED


def test_a_killed_driver_is_replaced_at_once(world: World) -> None:
    stable(world)
    world.launcher.end(-1)
    row = world.tick()
    assert world.path()[-4:] == ["UNHEALTHY", "FENCING", "SUBMITTING", "STARTING"]
    assert (row.epoch, world.launcher.state.tag) == (2, f"{STREAM}-e2")
    assert "DriverLost" in row.reason


def test_a_transition_keeps_its_evidence_and_actor(world: World) -> None:
    stable(world)
    world.launcher.end(-1)
    world.tick()
    lost = next(row for row in world.registry.transitions(STREAM) if row.to_state is State.UNHEALTHY)
    assert (lost.actor, lost.dag_run, lost.epoch) == ("test", "run-1", 1)
    assert lost.evidence["verdict"] == "DriverLost"
    assert lost.evidence["launcher"]["exit_status"] == -1
    assert lost.evidence["thresholds"]["hung_after_ms"] == 60_000


def test_a_second_kill_before_it_is_proved_waits(world: World) -> None:
    stable(world)
    for _ in range(2):
        world.launcher.end(-1)
        world.tick()
    assert world.row.state is State.BACKOFF
    world.clock.pass_seconds(4.9)
    assert world.tick().state is State.BACKOFF
    world.clock.pass_seconds(0.2)
    assert world.tick().state is State.STARTING


def test_losses_are_counted_until_a_driver_is_stable_or_another_is_asked_for(world: World) -> None:
    stable(world)
    for losses in (1, 2):
        world.launcher.end(-1)
        row = world.tick()
        assert (row.losses, row.lost) == (losses, "DriverLost: the launcher says EXITED, killed by a signal")
    world.clock.pass_seconds(60)
    world.tick()
    assert (world.prove().losses, world.row.lost) == (0, None)
    world.launcher.end(-1)
    assert world.tick().losses == 1
    assert world.deploy().losses == 1, "it runs by this spec already"
    world.ask(Desired.RUNNING, SPEC + "description: new\n")
    assert (world.row.losses, world.row.lost) == (0, None)


def test_failures_of_the_query_end_in_a_crash_loop(world: World) -> None:
    crash_looping(world)
    assert len(world.launcher.submits) == 4


def test_a_crash_loop_ends_when_a_person_asks_again(world: World) -> None:
    test_failures_of_the_query_end_in_a_crash_loop(world)
    assert world.deploy().state is State.STARTING


@pytest.mark.parametrize("exit_status", [65, 66])
def test_what_needs_a_person_is_not_restarted(world: World, exit_status: int) -> None:
    world.deploy()
    world.launcher.end(exit_status)
    assert world.tick().state is State.FAILED
    assert len(world.launcher.submits) == 1


def test_the_drivers_own_word_is_in_the_reason(world: World) -> None:
    world.deploy()
    world.beat(exception="TopicMissing: there is no topic 'x'")
    world.launcher.end(66)
    assert "TopicMissing: there is no topic 'x'" in world.tick().reason


def test_a_spec_that_cannot_be_launched_fails_with_the_fix(world: World) -> None:
    def refuse(*_: object) -> None:
        raise UserError("no jars", "run `tideline up`")

    world.build = refuse  # type: ignore[method-assign, assignment]
    world.keeper = world.new_keeper()
    row = world.deploy()
    assert (row.state, row.reason) == (State.FAILED, "no jars; run `tideline up`")


def test_a_hung_driver_with_backlog_is_replaced(world: World) -> None:
    stable(world)
    world.log_ends = {0: 10}
    world.clock.pass_seconds(59)
    world.beat(progress_at=world.clock.now - 59_000)
    assert world.tick().state is State.STABLE
    world.clock.pass_seconds(2)
    world.beat(progress_at=world.clock.now - 61_000)
    assert world.tick().state is State.BACKOFF
    world.clock.pass_seconds(5)
    assert world.tick().epoch == 2


def test_a_stream_that_wakes_after_a_long_idle_time_is_not_hung(world: World) -> None:
    stable(world)
    world.clock.pass_seconds(600)
    world.log_ends = {0: 10}
    world.plan(3, end=10)
    world.beat(progress_at=None, batch=2, batch_at=world.clock.now - 600_000, idle_triggers=0)
    assert world.tick().state is State.STABLE


def test_a_batch_that_never_ends_is_hung(world: World) -> None:
    test_a_stream_that_wakes_after_a_long_idle_time_is_not_hung(world)
    world.clock.pass_seconds(61)
    world.beat(progress_at=None, batch=2, batch_at=world.clock.now - 661_000, idle_triggers=0)
    world.tick()
    assert "Hung" in world.row.reason


def test_a_driver_that_nobody_can_end_holds_its_place(world: World) -> None:
    stable(world)
    world.launcher.unkillable = True
    world.log_ends = {0: 10}
    world.clock.pass_seconds(120)
    world.tick()
    world.clock.pass_seconds(10)
    assert world.tick().state is State.BACKOFF
    assert len(world.launcher.submits) == 1
    assert current_epoch(world.home.stream(STREAM).epochs) == 2  # it is fenced off all the same


def test_all_witnesses_silent_is_unknown_and_restarts_nothing(world: World) -> None:
    stable(world)
    world.launcher.reachable = False
    world.log_ends = None
    world.clock.pass_seconds(600)
    assert world.tick().state is State.UNKNOWN
    world.clock.pass_seconds(600)
    world.tick()
    assert world.launcher.submits == [f"{STREAM}-e1"]


def test_what_was_unknown_is_well_again_without_a_restart(world: World) -> None:
    test_all_witnesses_silent_is_unknown_and_restarts_nothing(world)
    world.launcher.reachable = True
    world.log_ends = {0: 0}
    world.beat()
    assert world.tick().state is State.STABLE
    assert world.row.epoch == 1


def test_a_broker_that_is_down_restarts_nothing(world: World) -> None:
    stable(world)
    world.log_ends = None
    world.clock.pass_seconds(300)
    world.beat(progress_at=world.clock.now - 300_000)
    assert world.tick().state is State.UNKNOWN
    assert world.launcher.state.alive


def test_a_lost_heartbeat_alone_restarts_nothing(world: World) -> None:
    stable(world)
    world.clock.pass_seconds(30)
    world.commit(9, end=0)
    assert world.tick().state is State.DEGRADED
    assert world.row.epoch == 1


def test_a_stop_drains_then_ends(world: World) -> None:
    stable(world)
    world.ask(Desired.STOPPED)
    assert world.tick().state is State.DRAINING
    assert world.home.stream(STREAM).stop_request.read_text().strip() == "1"
    world.launcher.end(0)
    assert world.tick().state is State.STOPPED


def test_a_driver_that_does_not_drain_is_ended(world: World) -> None:
    stable(world)
    world.ask(Desired.STOPPED)
    world.tick()
    world.clock.pass_seconds(DRAIN_MS / 1000 + 1)
    assert world.tick().state is State.STOPPED
    assert not world.launcher.state.alive


def test_a_stop_while_a_restart_waits_ends_at_once(world: World) -> None:
    world.deploy()
    world.launcher.end(70)
    world.tick()
    world.ask(Desired.STOPPED)
    assert world.tick().state is State.STOPPED


def test_a_stopped_stream_starts_again_where_it_was(world: World) -> None:
    test_a_stop_drains_then_ends(world)
    row = world.deploy()
    assert (row.state, row.epoch, row.generation) == (State.STARTING, 2, 1)


def test_deploying_the_same_spec_again_changes_nothing(world: World) -> None:
    stable(world)
    assert world.deploy().state is State.STABLE
    assert world.row.epoch == 1


def test_another_spec_replaces_the_driver_after_it_has_drained(world: World) -> None:
    stable(world)
    world.ask(Desired.RUNNING, SPEC + "description: new\n")
    assert world.tick().state is State.UPGRADING
    world.launcher.end(0)
    row = world.tick()
    assert (row.state, row.epoch, row.has_request) == (State.STARTING, 2, False)


def test_a_lease_keeps_another_keeper_out(world: World) -> None:
    world.ask(Desired.RUNNING, SPEC)
    assert world.registry.leases.take(STREAM, "another", 60_000)
    assert world.tick().state is State.STOPPED
    world.clock.pass_seconds(61)
    assert world.tick().state is State.STARTING


def test_a_stray_driver_under_another_tag_is_replaced(world: World) -> None:
    stable(world)
    world.launcher.state = LauncherState(Phase.RUNNING, tag=f"{STREAM}-e0")
    world.tick()
    assert world.launcher.state.tag == f"{STREAM}-e2"


def test_a_registry_older_than_the_epoch_files_catches_up(world: World) -> None:
    folder = world.home.stream(STREAM).epochs
    folder.mkdir(parents=True)
    (folder / "00000041").touch()
    assert world.deploy().epoch == 42


def test_one_bad_stream_does_not_hold_up_the_others(world: World) -> None:
    world.ask(Desired.RUNNING, SPEC)
    other = SPEC.replace("orders\n", "broken\n")
    from tideline.registry.requests import Request

    world.registry.request(Request("broken", Desired.RUNNING, "someone", other + "nonsense: 1\n", "f"))
    with pytest.raises(ExceptionGroup):
        world.keeper.tick_all(BY)
    assert world.row.state is State.STARTING


def test_only_the_named_streams_are_looked_at(world: World) -> None:
    world.ask(Desired.RUNNING, SPEC)
    assert world.keeper.tick_all(BY, only={"other"}) == []
    assert world.row.state is State.STOPPED


def test_a_stream_nobody_deployed_is_an_error(world: World) -> None:
    with pytest.raises(UnknownStream, match="tideline deploy nosuch"):
        world.keeper.tick("nosuch", BY)


def crash_looping(world: World) -> None:
    """A driver that fails four times before it is proved."""
    world.deploy()
    for _ in range(4):
        world.launcher.end(70)
        world.tick()
        world.clock.pass_seconds(25)
        world.tick()
    assert world.row.state is State.CRASH_LOOP


def test_a_crash_loop_is_tried_once_an_hour(world: World) -> None:
    crash_looping(world)
    submits = len(world.launcher.submits)
    for hour in range(1, 4):
        world.clock.pass_seconds(3_500)
        assert world.tick().state is State.CRASH_LOOP
        world.clock.pass_seconds(101)
        assert [alarm.to for alarm in world.new_watch().fresh_alarms()] == [State.FENCING]
        assert world.tick().state is State.STARTING
        world.launcher.end(70)
        row = world.tick()
        assert (row.state, row.probes) == (State.CRASH_LOOP, hour)
        assert f"probe {hour} failed too" in row.reason
    assert len(world.launcher.submits) == submits + 3


def test_a_probe_that_proves_the_stream_ends_the_crash_loop(world: World) -> None:
    crash_looping(world)
    world.clock.pass_seconds(3_601)
    assert world.tick().state is State.STARTING
    row = world.prove()
    assert (row.state, row.probes) == (State.STABLE, 0)
    world.launcher.end(70)
    assert world.tick().state is not State.CRASH_LOOP


def test_a_probe_whose_machine_fails_is_tried_again_at_once(world: World) -> None:
    crash_looping(world)
    world.clock.pass_seconds(3_601)
    world.tick()
    world.launcher.end(-1)
    assert world.tick().state is State.STARTING


@pytest.mark.parametrize("wanted", ["another start", "another spec"])
def test_who_asks_gives_a_new_budget_of_restarts(world: World, wanted: str) -> None:
    crash_looping(world)
    if wanted == "another start":
        ask_to_restart(world.registry, STREAM, "ann", lambda _: None)
    else:
        world.ask(Desired.RUNNING, f"{SPEC}description: mended\n")
    world.tick()
    for answer in (State.BACKOFF, State.BACKOFF, State.BACKOFF, State.CRASH_LOOP):
        world.launcher.end(70)
        assert world.tick().state is answer
        world.clock.pass_seconds(25)
        world.tick()


def test_who_asks_ends_the_crash_loop(world: World) -> None:
    crash_looping(world)
    world.clock.pass_seconds(3_601)
    world.tick()
    world.launcher.end(70)
    world.tick()
    world.ask(Desired.RUNNING, SPEC)
    assert world.row.probes == 0
    assert world.tick().state is State.STARTING
    world.launcher.end(70)
    assert world.tick().state is State.BACKOFF
