from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.keeper_world import SPEC, STREAM, TOPIC, World
from tideline.keeper.checkpoint_view import batch_in_flight
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.failures import FailedBatch, Failure, FailureClass
from tideline.keeper.lifecycle import State
from tideline.keeper.poison import poison_text, with_poison
from tideline.registry.rows import TransitionRow
from tideline.spec.job import JobSpec

TRANSIENT, POISON = FailureClass.TRANSIENT, FailureClass.POISON

ranges = st.tuples(st.integers(0, 3), st.integers(1, 3)).map(lambda found: [(found[0], found[0] + found[1])])
offsets = st.dictionaries(st.integers(0, 2), ranges, min_size=1, max_size=2)
batches = st.builds(FailedBatch, st.sampled_from(["a", "b"]), st.sampled_from(["t", "u"]), offsets)
failure = st.builds(Failure, st.integers(0, 1000), st.sampled_from(FailureClass), st.booleans(), st.none() | batches)
histories = st.lists(failure, max_size=8)


@given(batches, histories)
def test_it_is_poison_only_if_the_same_failed_on_the_same_offsets_before(
    batch: FailedBatch, before: list[Failure]
) -> None:
    is_again = batch in [each.batch for each in before]
    assert with_poison(TRANSIENT, batch, before) is (POISON if is_again else TRANSIENT)


@given(batches, histories, histories, failure)
def test_whatever_failed_in_between_it_is_poison_the_second_time(
    batch: FailedBatch, newer: list[Failure], older: list[Failure], first: Failure
) -> None:
    before = [*newer, replace(first, batch=batch), *older]
    assert with_poison(TRANSIENT, batch, before) is POISON


@given(batches, offsets, histories)
def test_other_offsets_are_another_failure(
    batch: FailedBatch, other: dict[int, list[tuple[int, int]]], before: list[Failure]
) -> None:
    elsewhere = [replace(each, batch=replace(batch, offsets=other)) for each in before]
    assert (with_poison(TRANSIENT, batch, elsewhere) is POISON) == bool(before and other == batch.offsets)


@given(st.sampled_from(sorted(set(FailureClass) - {TRANSIENT})), st.none() | batches, histories)
def test_a_known_class_stays_what_it_is(kind: FailureClass, batch: FailedBatch | None, before: list[Failure]) -> None:
    assert with_poison(kind, batch, before) is kind


@given(histories)
def test_without_a_batch_nothing_is_poison(before: list[Failure]) -> None:
    assert with_poison(TRANSIENT, None, before) is TRANSIENT


@given(batches)
def test_a_failed_batch_is_the_same_after_the_registry(batch: FailedBatch) -> None:
    assert FailedBatch.parse(json.loads(json.dumps(batch.as_dict()))) == batch


@pytest.mark.parametrize(
    ("found", "place"),
    [({0: [(4, 5)]}, "0 4"), ({2: [(4, 9)]}, "2 OFFSET"), ({0: [(4, 5)], 1: [(0, 1)]}, "PARTITION OFFSET")],
)
def test_a_person_is_told_the_range_and_the_command(found: dict[int, list[tuple[int, int]]], place: str) -> None:
    told = poison_text(parse_deployed(SPEC), FailedBatch("f", TOPIC, found))
    assert f"`tideline quarantine {STREAM} add {place} --why TEXT`" in told


def test_a_job_has_no_quarantine() -> None:
    spec = JobSpec(name="mine", entrypoint="jobs/mine.py", topic=TOPIC)
    told = poison_text(spec, FailedBatch("f", TOPIC, {0: [(4, 9)]}))
    assert ("quarantine" in told, "partition 0: 4 to 8" in told) == (False, True)


def test_the_batch_in_flight_is_the_planned_one_that_is_not_committed(world: World) -> None:
    world.deploy()
    folder = world.home.stream(STREAM).checkpoint(1)
    assert batch_in_flight(folder, TOPIC) == {}
    world.commit(0, end=4)
    assert batch_in_flight(folder, TOPIC) == {}
    world.plan(1, end=7)
    assert batch_in_flight(folder, TOPIC) == {0: [(4, 7)]}
    world.plan(1, end=4)
    assert batch_in_flight(folder, TOPIC) == {}  # a batch without data closes windows


def test_a_checkpoint_that_is_not_there_has_nothing_in_flight(tmp_path: Path) -> None:
    assert batch_in_flight(tmp_path / "none", TOPIC) == {}


def fail(world: World, fingerprint: str | None = "aaaa", exit_status: int = 70) -> TransitionRow:
    """The driver tells what its query failed with, and ends; how the keeper recorded it."""
    world.beat(state="failed", exception="ValueError: 'one'", fingerprint=fingerprint)
    world.launcher.end(exit_status)
    world.tick()
    return world.registry.transitions(STREAM, 1, to=State.UNHEALTHY)[0]


def failed_once(world: World) -> None:
    world.deploy()
    world.commit(0, end=4)
    world.plan(1, end=7)
    assert fail(world).evidence["failure"] == {
        "class": "transient",
        "batch": {"fingerprint": "aaaa", "topic": TOPIC, "offsets": {"0": [[4, 7]]}},
    }
    world.clock.pass_seconds(60)
    assert world.tick().state is State.STARTING


def test_the_same_on_the_same_offsets_twice_asks_a_person(world: World) -> None:
    failed_once(world)
    assert fail(world).evidence["failure"]["class"] == "poison"
    assert world.row.state is State.FAILED
    for told in ("ValueError: 'one'", "partition 0: 4 to 6", f"`tideline quarantine {STREAM} add 0 OFFSET --why TEXT`"):
        assert told in world.row.reason


def test_another_exception_on_the_same_offsets_is_tried_again(world: World) -> None:
    failed_once(world)
    fail(world, "bbbb")
    assert world.row.state is State.BACKOFF


def test_the_same_exception_on_other_offsets_is_tried_again(world: World) -> None:
    failed_once(world)
    world.commit(1, end=7)
    world.plan(2, end=9)
    fail(world)
    assert world.row.state is State.BACKOFF


def test_a_driver_killed_in_between_does_not_hide_poison(world: World) -> None:
    failed_once(world)
    world.launcher.end(-1)
    world.tick()
    world.clock.pass_seconds(60)
    world.tick()
    fail(world)
    assert world.row.state is State.FAILED


def test_what_the_records_cannot_have_caused_is_no_poison(world: World) -> None:
    world.deploy()
    world.commit(0, end=4)
    world.plan(1, end=7)
    for _ in range(2):
        assert fail(world, fingerprint=None).evidence["failure"]["batch"] is None
        world.clock.pass_seconds(60)
        assert world.tick().state is State.STARTING


def test_a_damaged_checkpoint_hides_no_failure(world: World) -> None:
    world.deploy()
    world.commit(0, end=4)
    world.plan(1, end=7)
    (world.home.stream(STREAM).checkpoint(1) / "offsets" / "0").write_text("v99\n{}\n{}")
    assert fail(world).evidence["failure"] == {"class": "transient", "batch": None}


def test_the_log_tells_what_a_status_of_1_does_not(world: World) -> None:
    world.deploy()
    log = world.home.stream(STREAM).log
    log.write_text("\n".join(["ModuleNotFoundError: No module named 'pandas'", *["it goes on"] * 190]))
    world.launcher.end(1)
    world.tick()
    assert world.row.state is State.FAILED
    assert "code failure" in world.row.reason
