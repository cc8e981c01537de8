"""Items spread over time, by a clock of the test's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tideline.produce.pace import evenly, in_bursts, paced


@dataclass
class Clock:
    now: float = 100.0

    def read(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_items_come_no_faster_than_the_rate() -> None:
    clock = Clock()
    times = [round(clock.now - 100, 6) for _ in paced(range(4), evenly(2), clock.read, clock.wait)]
    assert times == [0, 0.5, 1.0, 1.5]


def test_what_fell_behind_is_caught_up() -> None:
    clock = Clock()
    times = []
    for number in paced(range(5), evenly(1), clock.read, clock.wait):
        times.append(clock.now - 100)
        clock.now += 2.5 if number == 0 else 0
    assert times == [0, 2.5, 2.5, 3, 4]


def test_high_rates_wait_in_steps_worth_a_wait() -> None:
    clock = Clock()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.wait(seconds)

    assert list(paced(range(1001), evenly(10_000), clock.read, wait)) == list(range(1001))
    assert min(waits) >= 0.01
    assert clock.now - 100 == pytest.approx(0.1, abs=0.011)


def test_a_rate_is_above_zero() -> None:
    with pytest.raises(ValueError, match="above 0"):
        next(paced([1], evenly(0)))


def test_bursts_bring_as_many_in_a_minute_and_then_quiet() -> None:
    due = in_bursts(10)
    times = [due(number) for number in range(1800)]
    assert times == sorted(times)
    minutes = [[time for time in times if minute * 60 <= time < minute * 60 + 60] for minute in range(3)]
    assert [len(minute) for minute in minutes] == [600, 600, 600]
    first = minutes[0]
    assert [sum(begin <= time < end for time in first) for begin, end in ((0, 6), (6, 40), (40, 60))] == [240, 360, 0]
