"""Spreads items evenly over time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# Shorter waits cost more in wake-ups than they give in evenness.
_SHORTEST_WAIT_S = 0.01


def paced(
    items: Iterable[T],
    rate: float,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[T]:
    """The items, item i not before i / rate seconds have passed; what fell behind is caught up."""
    if not rate > 0:
        raise ValueError(f"a rate is a number above 0, not {rate}")
    began = clock()
    for number, item in enumerate(items):
        ahead = began + number / rate - clock()
        if ahead >= _SHORTEST_WAIT_S:
            wait(ahead)
        yield item
