"""Spreads items over time: evenly, or in bursts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# Shorter waits cost more in wake-ups than they give in evenness.
_SHORTEST_WAIT_S = 0.01


Due = Callable[[int], float]
"""When an item is due, by its number from 0: seconds after the first."""


def evenly(rate: float) -> Due:
    """Item i is due at i / rate."""
    if not 0 < rate < float("inf"):
        raise ValueError(f"a rate is a number above 0, not {rate}")
    return lambda number: number / rate


_CYCLE_S = 60
_BURST_S, _BURST_SHARE, _BUSY_S = 6, 0.4, 34


def in_bursts(rate: float) -> Due:
    """On average as many: each minute 40 % of its items come in 6 s, the others in the next 34 s, then it is quiet."""
    even = evenly(rate)

    def due(number: int) -> float:
        cycle, at = divmod(even(number) / _CYCLE_S, 1)
        if at < _BURST_SHARE:
            return cycle * _CYCLE_S + at / _BURST_SHARE * _BURST_S
        return cycle * _CYCLE_S + _BURST_S + (at - _BURST_SHARE) / (1 - _BURST_SHARE) * _BUSY_S

    return due


def paced(
    items: Iterable[T],
    due: Due,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[T]:
    """The items, none before it is due; what fell behind is caught up."""
    began = clock()
    for number, item in enumerate(items):
        ahead = began + due(number) - clock()
        if ahead >= _SHORTEST_WAIT_S:
            wait(ahead)
        yield item
