from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from support.keeper_world import SPEC, STREAM, Clock, sqlite_registry
from tideline.keeper.lifecycle import Desired, IllegalTransition, State
from tideline.keeper.samples import Sample
from tideline.registry.requests import Request
from tideline.registry.rows import Attempt, Move, StaleEpoch, StaleState, UnknownStream
from tideline.registry.store import Registry

DEPLOY = Request(STREAM, Desired.RUNNING, "ann", SPEC, "0" * 16)
STOP = Request(STREAM, Desired.STOPPED, "bob")
FENCING = Move(State.FENCING, "asked for", "ann", {"backlog": 3}, "run-1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> Registry:
    found = sqlite_registry(clock)
    found.request(DEPLOY)
    return found


def test_a_new_stream_is_stopped_and_wanted(registry: Registry) -> None:
    row = registry.stream(STREAM)
    assert (row.desired, row.state, row.epoch, row.generation) == (Desired.RUNNING, State.STOPPED, 0, 1)
    assert row.has_request


def test_a_stream_nobody_knows_is_an_error(registry: Registry) -> None:
    with pytest.raises(UnknownStream):
        registry.request(Request("nosuch", Desired.STOPPED, "ann"))


def test_the_epoch_is_raised_by_one(registry: Registry) -> None:
    assert registry.raise_epoch(STREAM, 0) == 1
    assert registry.stream(STREAM).epoch == 1


def test_who_expects_another_epoch_is_refused(registry: Registry) -> None:
    registry.raise_epoch(STREAM, 0)
    with pytest.raises(StaleEpoch, match="0 was expected, but it is 1"):
        registry.raise_epoch(STREAM, 0)


def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        registry = Registry.connect(f"postgresql+psycopg://x@127.0.0.1:{silent.getsockname()[1]}/x", within_s=2)
        with pytest.raises(OperationalError, match="timeout"):
            registry.now()


def test_an_epoch_is_raised_above_the_floor(registry: Registry) -> None:
    assert registry.raise_epoch(STREAM, 0, floor=7) == 8


def test_a_transition_is_recorded_with_its_row(registry: Registry, clock: Clock) -> None:
    row = registry.record(registry.stream(STREAM), FENCING, acted=1)
    (found,) = registry.transitions(STREAM)
    assert (row.state, row.reason, row.has_request) == (State.FENCING, "asked for", False)
    assert (found.from_state, found.to_state, found.at) == (State.STOPPED, State.FENCING, clock.now)
    assert (found.evidence, found.dag_run, found.actor) == ({"backlog": 3}, "run-1", "ann")


def test_a_transition_that_is_not_in_the_table_leaves_no_trace(registry: Registry) -> None:
    with pytest.raises(IllegalTransition):
        registry.record(registry.stream(STREAM), replace(FENCING, to=State.STABLE))
    assert registry.transitions(STREAM) == []
    assert registry.stream(STREAM).state is State.STOPPED


def test_who_saw_the_stream_elsewhere_is_refused(registry: Registry) -> None:
    seen = registry.stream(STREAM)
    registry.record(seen, FENCING)
    with pytest.raises(StaleState):
        registry.record(seen, FENCING)
    assert len(registry.transitions(STREAM)) == 1


def test_who_saw_another_epoch_is_refused(registry: Registry) -> None:
    seen = registry.stream(STREAM)
    registry.raise_epoch(STREAM, 0)
    with pytest.raises(StaleState):
        registry.record(seen, FENCING)


def test_an_attempt_comes_with_its_transition(registry: Registry) -> None:
    attempt = Attempt(STREAM, 0, 1, "tag", "ann", -1, 5)
    registry.record(registry.stream(STREAM), FENCING, attempt)
    assert registry.attempts(STREAM) == [attempt]
    assert registry.attempt(STREAM, 0) == attempt
    assert registry.current_attempts() == {STREAM: attempt}


def test_what_became_of_an_attempt_is_filled_in(registry: Registry) -> None:
    attempt = Attempt(STREAM, 0, 1, "tag", "ann", -1, 5)
    moved = registry.record(registry.stream(STREAM), FENCING, attempt)
    ended = replace(attempt, ended_at=9, exit_status=70, outcome="transient")
    registry.record(moved, Move(State.DRAINING, "asked for", "ann"), ended)
    assert registry.attempts(STREAM) == [ended]


def test_who_comes_too_late_leaves_the_attempt_as_it_is(registry: Registry) -> None:
    attempt, seen = Attempt(STREAM, 0, 1, "tag", "ann", -1, 5), registry.stream(STREAM)
    registry.record(seen, FENCING, attempt)
    with pytest.raises(StaleState):
        registry.record(seen, FENCING, replace(attempt, ended_at=9))
    assert registry.attempts(STREAM) == [attempt]


def ended(registry: Registry, stream: str, epoch: int, at: int | None, outcome: str | None) -> Attempt:
    attempt = Attempt(stream, epoch, 1, "tag", "ann", -1, 5)
    registry.record(registry.stream(stream), FENCING, attempt)
    registry.record(registry.stream(stream), Move(State.SUBMITTING, "", "ann"))
    registry.record(registry.stream(stream), Move(State.FENCING, "", "ann"))
    registry.record(registry.stream(stream), Move(State.DRAINING, "", "ann"))
    attempt = replace(attempt, ended_at=at, outcome=outcome)
    registry.record(registry.stream(stream), Move(State.STOPPED, "", "ann"), attempt)
    return attempt


def test_the_ends_of_all_streams_attempts_are_told_together(registry: Registry) -> None:
    registry.request(replace(DEPLOY, stream="apples"))
    ended(registry, STREAM, 0, 9, "transient")
    second = ended(registry, STREAM, 1, 19, "transient")
    third = ended(registry, STREAM, 2, 29, "hung")
    ended(registry, STREAM, 3, None, None)
    apple = ended(registry, "apples", 0, 20, "code")
    assert registry.ended_attempts() == {STREAM: {"transient": 2, "hung": 1}, "apples": {"code": 1}}
    assert registry.attempts_ended_since(9) == {STREAM: [third, second], "apples": [apple]}


def test_the_newest_sample_of_each_stream_is_told(registry: Registry, clock: Clock) -> None:
    registry.request(replace(DEPLOY, stream="apples"))
    old = Sample(at=10, epoch=1, backlog=5, read=1, watermark=None, batch=None, batch_ms=None, rows=None)
    for stream, sample in ((STREAM, old), (STREAM, replace(old, at=20)), ("apples", replace(old, at=15))):
        registry.add_sample(stream, sample)
    assert registry.newest_samples(12) == {STREAM: replace(old, at=20), "apples": replace(old, at=15)}
    assert registry.newest_samples(15) == {STREAM: replace(old, at=20)}


def test_asking_twice_is_asking_once(registry: Registry) -> None:
    registry.record(registry.stream(STREAM), FENCING, acted=1)
    assert not registry.request(DEPLOY).has_request


@pytest.mark.parametrize("request_", [STOP, replace(DEPLOY, spec=SPEC + "description: new\n")])
def test_a_change_is_a_new_request(registry: Registry, request_: Request) -> None:
    registry.record(registry.stream(STREAM), FENCING, acted=1)
    assert registry.request(request_).has_request


def test_a_stop_keeps_the_spec(registry: Registry) -> None:
    row = registry.request(STOP)
    assert (row.desired, row.spec, row.asked_by) == (Desired.STOPPED, SPEC, "bob")


def test_streams_come_by_name(registry: Registry) -> None:
    registry.request(replace(DEPLOY, stream="apples"))
    assert [row.name for row in registry.streams()] == ["apples", STREAM]


def test_a_lease_has_one_holder(registry: Registry) -> None:
    assert registry.leases.take(STREAM, "a", 1000)
    assert not registry.leases.take(STREAM, "b", 1000)


def test_a_holder_renews_its_lease(registry: Registry, clock: Clock) -> None:
    registry.leases.take(STREAM, "a", 1000)
    clock.pass_seconds(0.9)
    assert registry.leases.take(STREAM, "a", 1000)
    clock.pass_seconds(0.9)
    assert not registry.leases.take(STREAM, "b", 1000)


def test_a_lease_runs_out(registry: Registry, clock: Clock) -> None:
    registry.leases.take(STREAM, "a", 1000)
    clock.pass_seconds(1)
    assert registry.leases.take(STREAM, "b", 1000)


def test_who_lost_a_lease_does_not_give_it_back(registry: Registry, clock: Clock) -> None:
    registry.leases.take(STREAM, "a", 1000)
    clock.pass_seconds(1)
    registry.leases.take(STREAM, "b", 1000)
    registry.leases.release(STREAM, "a")
    assert not registry.leases.take(STREAM, "a", 1000)


def test_a_lease_is_given_back_after_an_error(registry: Registry) -> None:
    with pytest.raises(ZeroDivisionError), registry.leases.held(STREAM, "a", 1000):
        raise ZeroDivisionError
    assert registry.leases.take(STREAM, "b", 1000)


def test_a_transition_keeps_a_lease(registry: Registry) -> None:
    registry.leases.take(STREAM, "a", 1000)
    registry.record(registry.stream(STREAM), FENCING)
    assert not registry.leases.take(STREAM, "b", 1000)


def test_a_loss_is_not_the_next_requests(registry: Registry) -> None:
    seen = registry.stream(STREAM)
    lost: dict[str, Any] = {"losses": 2, "lost": "DriverLost: killed", "prove_by": None, "probes": 1}
    moved = registry.record(seen, FENCING, **lost)
    assert (moved.losses, moved.lost, moved.probes) == (2, "DriverLost: killed", 1)
    registry.request(STOP)
    moved = registry.record(moved, Move(State.DRAINING, "asked for", "ann"), **lost | {"losses": 3})
    assert (moved.losses, moved.lost, moved.probes) == (0, None, 0)
