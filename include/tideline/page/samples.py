"""What was seen of a stream in the last day, as columns for its charts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tideline.keeper.samples import Sample, Slot
from tideline.page.sparks import rates

_MOST: Final = 720
"""Points of a chart: a day, a point every two minutes."""


def series_of(samples: Sequence[Sample]) -> dict[str, list[float | int | None]]:
    """By series its values, beside their times `at` (epoch ms); spans are in seconds."""
    slots = [_slot(each) for each in _thinned(samples)]
    return {
        "at": [slot.at for slot in slots],
        "backlog": [slot.backlog for slot in slots],
        "rate": [None if rate is None else round(rate, 3) for rate in rates(slots)],
        "batch": [None if slot.batch_ms is None else slot.batch_ms / 1000 for slot in slots],
        "delay": [(slot.at - slot.watermark) / 1000 if slot.watermark else None for slot in slots],
    }


def _thinned(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Every so manieth, and always the newest."""
    step = -(-len(samples) // _MOST) or 1
    return samples[::-step][::-1]


def _slot(each: Sample) -> Slot:
    return Slot(0, each.at, each.backlog, each.read, each.watermark, each.batch_ms)
