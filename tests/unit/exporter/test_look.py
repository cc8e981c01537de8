"""Looks that nobody waits long for, and nobody makes twice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from tideline.exporter.look import Look


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def at_once(work: Callable[[], None]) -> None:
    work()


def counting(clock: Clock, start: Callable[[Callable[[], None]], object] = at_once) -> tuple[Look[int], list[int]]:
    """A look that answers how often it was made."""
    made: list[int] = []

    def look() -> int:
        made.append(clock.now)
        return len(made)

    return Look("it", look, every_ms=5_000, kept_ms=30_000, wait_s=0, clock_ms=clock, start=start), made


def test_an_answer_is_kept_for_a_while() -> None:
    clock = Clock()
    look, made = counting(clock)
    assert [look(), look()] == [1, 1]
    clock.now = 5_000
    assert look() == 2
    assert made == [0, 5_000]


def test_a_look_under_way_is_not_made_again_and_not_waited_for() -> None:
    clock, waiting = Clock(), list[Callable[[], None]]()
    look, made = counting(clock, waiting.append)
    assert [look(), look()] == [None, None]
    (work,) = waiting
    work()
    assert (look(), made) == (1, [0])


def test_an_answer_that_is_too_old_is_none() -> None:
    clock, waiting = Clock(), list[Callable[[], None]]()
    look, _ = counting(clock, waiting.append)
    look()
    waiting[0]()
    clock.now = 30_000
    assert look() == 1
    clock.now = 30_001
    assert look() is None


def test_the_last_answer_outlives_a_failure_as_long_as_it_is_kept() -> None:
    clock, answers = Clock(), iter(["well"])

    def look() -> str:
        return next(answers)  # StopIteration from the second time on

    looking = Look("it", look, every_ms=5_000, kept_ms=30_000, wait_s=0, clock_ms=clock, start=at_once)
    found = []
    for at in (0, 5_000, 30_000, 30_001):
        clock.now = at
        found.append(looking())
    assert (found, looking.failures, looking.succeeded_at) == (["well", "well", "well", None], 2, 0)


def test_who_was_never_answered_waits_since_the_look_was_made() -> None:
    clock, waiting = Clock(), list[Callable[[], None]]()
    clock.now = 70
    look, _ = counting(clock, waiting.append)
    clock.now = 90
    look()
    assert look.succeeded_at == 70
    waiting[0]()
    assert look.succeeded_at == 90


def test_a_failure_is_counted_told_once_and_over_when_it_is(caplog: pytest.LogCaptureFixture) -> None:
    clock, fails = Clock(), [True]

    def look() -> str:
        if fails[0]:
            raise OSError("no answer\nat all")
        return "well"

    looking = Look("the registry", look, every_ms=5_000, kept_ms=30_000, wait_s=0, clock_ms=clock, start=at_once)
    with caplog.at_level(logging.INFO):
        for at in (0, 5_000, 10_000):
            clock.now = at
            assert looking() is None
        fails[0] = False
        clock.now = 15_000
        assert looking() == "well"
    assert looking.failures == 3
    assert [record.message for record in caplog.records] == [
        "the registry cannot be looked at: OSError: no answer",
        "the registry can be looked at again",
    ]


def test_a_look_that_takes_long_is_made_less_often() -> None:
    clock = Clock()
    look, made = counting(clock)
    look()
    look.duration_s = 1.2
    clock.now = 11_999
    look()
    assert made == [0]
    clock.now = 12_000
    look()
    assert made == [0, 12_000]


def test_it_is_made_again_before_the_last_answer_is_too_old_however_long_it_takes() -> None:
    clock = Clock()
    look, made = counting(clock)
    look()
    look.duration_s = 130.0
    clock.now = 15_000
    look()
    assert made == [0, 15_000]


def test_who_asks_waits_for_a_look_in_its_own_thread() -> None:
    go_on = threading.Event()

    def look() -> str:
        assert go_on.wait(30)
        return "seen"

    looking = Look("it", look, every_ms=5_000, kept_ms=30_000, wait_s=30)
    threading.Timer(0.05, go_on.set).start()
    assert looking() == "seen"
