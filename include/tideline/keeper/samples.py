"""What was seen of a stream now and then: what a single look cannot tell. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

EVERY_MS: Final = 30_000
APART_MS: Final = 5_000
"""Two looks that are nearer to each other are as good as one."""
KEPT_MS: Final = 86_400_000
LOOKED_AT_MS: Final = 3_600_000
"""How far back a verdict looks."""
_MINUTE: Final = 60_000
_FEWEST: Final = 3
"""An average of fewer samples says nothing."""


@dataclass(frozen=True)
class Sample:
    """One look: backlog in offsets, offsets read in all, watermark (ms), the last batch's length (ms) and rows, and how
    much (1 is all) of what Kafka keeps a record for is over for the oldest that was not read."""

    at: int
    epoch: int
    backlog: int | None
    read: int | None
    watermark: int | None
    batch: int | None
    batch_ms: int | None
    rows: int | None
    unread: float | None = None


@dataclass(frozen=True)
class Slot:
    """What was seen of a stream in one stretch of time: its number, the last look's time, and the greatest values."""

    number: int
    at: int
    backlog: int | None
    read: int | None
    watermark: int | None
    batch_ms: int | None


def of_epoch(samples: Sequence[Sample], epoch: int) -> tuple[Sample, ...]:
    """The looks at one driver."""
    return tuple(each for each in samples if each.epoch == epoch)


def is_due(sample: Sample, earlier: Sequence[Sample]) -> bool:
    """Whether a look at a driver is to be kept: one in `EVERY_MS`, and the first after its first batch."""
    if not earlier or sample.at - earlier[-1].at >= EVERY_MS:
        return True
    return earlier[-1].batch is None and sample.batch is not None


def before_now(samples: Sequence[Sample], now: int) -> Sample | None:
    """What a backlog of now is to be held against: a look of a minute ago, or the first after the first batch. Where no
    batch was seen yet it is the last look before: what came while the driver started is no growth."""
    seen = [each for each in samples if each.backlog is not None and now - each.at >= APART_MS]
    working = [each for each in seen if each.batch is not None]
    if not working:
        return seen[-1] if seen else None
    return next((each for each in reversed(working) if now - each.at >= _MINUTE), working[0])


def mean_backlog(samples: Sequence[Sample], after: int, until: int) -> float | None:
    """The average backlog in (after, until]; None of too few samples."""
    found = [each.backlog for each in samples if after < each.at <= until and each.backlog is not None]
    return sum(found) / len(found) if len(found) >= _FEWEST else None


def mean_batch_ms(samples: Sequence[Sample], after: int) -> float | None:
    """The average length (ms) of batches with rows that were seen since then, each once; None of too few."""
    found = {
        (each.epoch, each.batch): each.batch_ms
        for each in samples
        if each.at > after and each.batch_ms is not None and each.rows
    }
    return sum(found.values()) / len(found) if len(found) >= _FEWEST else None


def stood_still(samples: Sequence[Sample]) -> tuple[int, int]:
    """For how long (ms) the watermark has stood at its last value, by the samples, and how many offsets were read
    meanwhile."""
    if not samples:
        return 0, 0
    last = samples[-1]
    first = last
    for each in reversed(samples):
        if each.watermark != last.watermark:
            break
        first = each
    return last.at - first.at, (last.read or 0) - (first.read or 0)
