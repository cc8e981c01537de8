from __future__ import annotations

from support.keeper_world import SPEC, STREAM, World
from tideline.keeper.late_watch import LateNotice, LateWatch, Notices
from tideline.keeper.lifecycle import Desired
from tideline.registry.requests import Request

ALERT = "late_data: {alert: {key: user_id, more_than: 5, within: 1 hour}}\n"


def watch_of(world: World, spec: str = SPEC + ALERT) -> LateWatch:
    """A watch of the world's stream, deployed by this spec."""
    world.ask(Desired.RUNNING, spec)
    world.tick()
    return LateWatch(world.registry, world.home, world.clock)


def test_a_batch_that_dropped_something_is_told_once(world: World) -> None:
    watch = watch_of(world)
    world.beat(late_version=7)
    assert watch.fresh_notices() == [LateNotice(STREAM, 7)]
    world.clock.pass_seconds(3600)
    assert watch.fresh_notices() == []


def test_the_next_one_within_a_minute_waits_for_its_end(world: World) -> None:
    watch = watch_of(world)
    told = []
    for second in range(130):
        world.beat(late_version=second // 10)
        told.append([notice.version for notice in watch.fresh_notices()])
        world.clock.pass_seconds(1)
    assert {second: versions for second, versions in enumerate(told) if versions} == {0: [0], 60: [6], 120: [12]}


def test_a_stream_without_an_alert_waits_for_its_schedule(world: World) -> None:
    watch = watch_of(world, SPEC)
    world.beat(late_version=7)
    assert watch.fresh_notices() == []


def test_a_driver_that_dropped_nothing_or_is_of_an_older_make_tells_nothing(world: World) -> None:
    watch = watch_of(world)
    assert watch.fresh_notices() == []
    world.beat()
    assert watch.fresh_notices() == []


def test_a_stream_that_cannot_be_looked_at_does_not_hide_the_others(world: World) -> None:
    watch = watch_of(world)
    world.beat(late_version=7)
    world.registry.request(Request("broken", Desired.RUNNING, "someone", "nonsense: 1\n", "f"))
    assert watch.fresh_notices() == [LateNotice(STREAM, 7)]


def test_streams_do_not_wait_for_each_other() -> None:
    notices = Notices()
    assert notices.fresh({"a": 1}, 0) == [LateNotice("a", 1)]
    assert notices.fresh({"a": 2, "b": 1}, 1000) == [LateNotice("b", 1)]
