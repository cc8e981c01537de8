from __future__ import annotations

from support.keeper_world import STREAM, World
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.watch import Alarm, Repeats

ALARM = Alarm("s", 1, "STABLE", "UNHEALTHY", "lost")


def stable(world: World) -> None:
    world.deploy()
    world.prove()


def test_a_well_stream_raises_no_alarm(world: World) -> None:
    stable(world)
    assert world.new_watch().fresh_alarms() == []


def test_a_lost_driver_raises_one_alarm(world: World) -> None:
    stable(world)
    watch = world.new_watch()
    world.launcher.end(-1)
    (alarm,) = watch.fresh_alarms()
    assert (alarm.stream, alarm.epoch, alarm.to) == (STREAM, 1, State.UNHEALTHY)
    world.clock.pass_seconds(1.5)
    assert watch.fresh_alarms() == []


def test_an_alarm_that_lasts_is_raised_again_after_thirty_seconds(world: World) -> None:
    stable(world)
    watch = world.new_watch()
    world.launcher.end(-1)
    raised = []
    for _ in range(61):
        raised.append(len(watch.fresh_alarms()))
        world.clock.pass_seconds(1)
    assert [second for second, count in enumerate(raised) if count] == [0, 30, 60]


def test_the_same_trouble_at_the_next_epoch_is_a_new_alarm(world: World) -> None:
    stable(world)
    watch = world.new_watch()
    world.launcher.end(-1)
    assert len(watch.fresh_alarms()) == 1
    world.tick()
    world.prove()
    world.launcher.end(-1)
    assert len(watch.fresh_alarms()) == 1


def test_a_wait_that_is_over_raises_an_alarm(world: World) -> None:
    world.deploy()
    world.launcher.end(70)
    world.tick()
    watch = world.new_watch()
    assert watch.fresh_alarms() == []
    world.clock.pass_seconds(5)
    assert [alarm.to for alarm in watch.fresh_alarms()] == [State.FENCING]


def test_progress_of_a_new_driver_is_noticed_too(world: World) -> None:
    world.deploy()
    watch = world.new_watch()
    world.beat()
    assert [alarm.to for alarm in watch.fresh_alarms()] == [State.DEPLOYED]
    world.tick()
    assert watch.fresh_alarms() == []
    world.beat(idle_triggers=3)
    assert [alarm.to for alarm in watch.fresh_alarms()] == [State.STABLE]


def test_what_a_person_asks_for_is_noticed(world: World) -> None:
    stable(world)
    world.ask(Desired.STOPPED)
    assert [alarm.to for alarm in world.new_watch().fresh_alarms()] == [State.DRAINING]


def test_a_driver_that_stands_still_is_noticed(world: World) -> None:
    stable(world)
    world.clock.pass_seconds(61)
    world.beat(progress_at=world.clock.now - 61_000)
    assert [alarm.stream for alarm in world.new_watch().fresh_alarms()] == [STREAM]


def test_a_stream_that_cannot_be_looked_at_does_not_hide_the_others(world: World) -> None:
    stable(world)
    world.launcher.end(-1)
    from tideline.registry.requests import Request

    world.registry.request(Request("broken", Desired.RUNNING, "someone", "nonsense: 1\n", "f"))
    assert [alarm.stream for alarm in world.new_watch().fresh_alarms()] == [STREAM]


def test_an_alarm_that_ends_and_comes_back_is_raised_again() -> None:
    repeats = Repeats()
    assert repeats.fresh([ALARM], 0) == [ALARM]
    assert repeats.fresh([], 1000) == []
    assert repeats.fresh([ALARM], 2000) == [ALARM]
