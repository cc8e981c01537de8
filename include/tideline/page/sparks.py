"""Small charts, as the points of a line in a box. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from tideline.keeper.samples import Slot

WIDTH: Final = 96
HEIGHT: Final = 22
_EDGE: Final = 2


def rates(slots: Sequence[Slot]) -> list[float | None]:
    """Offsets read a second, from one slot to the next; None where a count is missing or went back: another topic."""
    found: list[float | None] = [None]
    for before, after in pairwise(slots):
        if before.read is None or after.read is None or after.read < before.read or after.at <= before.at:
            found.append(None)
        else:
            found.append((after.read - before.read) * 1000 / (after.at - before.at))
    return found[: len(slots)]


def spark(numbers: Sequence[int], values: Sequence[float | None], first: int, last: int) -> tuple[str, ...]:
    """Lines (`x,y x,y`) through the values of these slots, from the slot `first` to `last`: broken where one is
    missing. Zero lies at the bottom, the greatest value at the top."""
    top = max((value for value in values if value is not None), default=0) or 1
    lines: list[list[str]] = [[]]
    before: int | None = None
    for number, value in zip(numbers, values, strict=True):
        if value is None or (before is not None and number != before + 1):
            lines.append([])
        if value is not None:
            x = _EDGE + (number - first) / max(1, last - first) * (WIDTH - 2 * _EDGE)
            y = HEIGHT - _EDGE - value / top * (HEIGHT - 2 * _EDGE)
            lines[-1].append(f"{x:.0f},{y:.0f}")
            before = number
    return tuple(" ".join(line) for line in lines if len(line) > 1)
