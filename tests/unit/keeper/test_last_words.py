"""A driver is judged by what it said itself: the log it writes to holds what every driver before it said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.keeper.last_words import begin_log, last_lines, last_words
from tideline.keeper.lifecycle import Desired, State
from tideline.logs.context import About

FORBIDDEN = "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders]"
NO_HEAP = "Terminating due to java.lang.OutOfMemoryError: Java heap space"


def says(world: World, *lines: str) -> None:
    with world.home.stream(STREAM).log.open("a") as log:
        log.writelines(f"{line}\n" for line in lines)


def started_again(world: World, *said: str) -> None:
    """A driver said this and failed for want of rights; a person has mended them, and the next one runs."""
    world.deploy()
    says(world, *said)
    world.launcher.end(68)
    assert world.tick().state is State.FAILED
    assert world.row.reason.endswith("; an auth failure needs a person")
    assert world.deploy().state is State.STARTING


def test_a_failure_has_no_class_by_an_older_drivers_words(world: World) -> None:
    started_again(world, FORBIDDEN)
    says(world, "Traceback (most recent call last):", "KeyError: 'total'")
    world.launcher.end(1)
    assert world.tick().state is State.BACKOFF
    assert "; transient failure, " in world.row.reason


def test_an_older_drivers_heap_says_nothing_of_this_one(world: World) -> None:
    world.deploy()
    says(world, NO_HEAP)
    world.launcher.end(52)
    assert world.tick().state is State.BACKOFF
    world.clock.pass_seconds(6)
    assert world.tick().state is State.STARTING
    world.launcher.end(65)
    assert world.tick().state is State.FAILED


def test_its_own_words_decide_as_ever(world: World) -> None:
    started_again(world, "of the first")
    says(world, FORBIDDEN)
    world.launcher.end(1)
    assert world.tick().state is State.FAILED


def test_a_person_reads_the_newest_drivers_last_lines(world: World) -> None:
    started_again(world, "of the first")
    assert last_words(world.registry, world.home, STREAM) == []
    says(world, "of the second")
    assert last_words(world.registry, world.home, STREAM) == ["of the second"]


@pytest.mark.parametrize("said", [[], ["of the third"]])
def test_a_refused_driver_leaves_its_own_last_lines(world: World, said: list[str]) -> None:
    world.deploy()
    says(world, "of the first")
    world.launcher.end(-1)
    world.tick()
    world.prove()
    world.ask(Desired.RUNNING, SPEC.replace("1 minute", "2 minutes"))
    world.tick()
    world.launcher.end(0)
    world.tick()
    says(world, *said)
    world.launcher.end(65)
    world.tick()
    says(world, "of the one that is put back")
    world.beat(idle_triggers=3)
    assert world.tick().state is State.STABLE
    assert last_words(world.registry, world.home, STREAM) == said


def test_a_log_without_such_lines_is_cut_where_it_names_another_epoch(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    of_the_first = {"ts": "2026-01-31T10:00:00.000Z", "message": "of the first", "epoch": 1}
    log.write_text(f"raw\n{json.dumps(of_the_first)}\nof the second\n")
    assert last_lines(log, epoch=2) == ["of the second"]
    assert last_lines(log, epoch=1)[-1] == "of the second", "the newest driver is taken at its word"


@pytest.mark.parametrize("cut", ["", "a line that was cut"])
def test_a_line_that_was_cut_off_takes_nothing_of_the_next_driver_along(tmp_path: Path, cut: str) -> None:
    log = tmp_path / "orders" / "driver.log"
    begin_log(log, About("orders", 1, 1), "orders-e1", 0)
    log.write_text(log.read_text() + cut)
    begin_log(log, About("orders", 1, 2), "orders-e2", 1_500)
    first, *between, second = log.read_text().splitlines()
    assert between == [cut] * bool(cut)
    assert json.loads(first)["epoch"] == 1
    assert json.loads(second) == {
        "ts": "1970-01-01T00:00:01.500Z",
        "level": "INFO",
        "logger": "tideline.keeper.begins",
        "message": "orders-e2 is to begin",
        "stream": "orders",
        "generation": 1,
        "epoch": 2,
    }
    assert last_lines(log, epoch=2) == []
