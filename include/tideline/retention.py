"""Whether Kafka keeps what is still needed: the late spans not corrected yet, and what the stream has not read. Pure.

Kafka removes by the record's own timestamp (CreateTime), so a backdated record can go the day it is sent; under
LogAppendTime the record's timestamp is the broker's. It removes whole segments, so a record may stay longer than here
assumed, never shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from tideline.durations import format_duration
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges, Ranges, merged, outside

WARN_SHARE: Final = 0.5
PAGE_SHARE: Final = 0.8


class Level(StrEnum):
    """How near what a partition must keep is to its removal."""

    FINE = "fine"
    WARN = "warn"
    PAGE = "page"
    GONE = "gone"


@dataclass(frozen=True)
class TopicRetention:
    """A topic's limits, None where there is none, and whose clock its records carry."""

    retention_ms: int | None
    retention_bytes: int | None
    timestamp_type: str
    compacts: bool = False


@dataclass(frozen=True)
class PartitionLog:
    """A partition as Kafka has it: [earliest, end), its bytes, the least timestamp (ms) looked at of what is needed."""

    earliest: int
    end: int
    size: int | None = None
    oldest_ms: int | None = None


@dataclass(frozen=True)
class Verdict:
    """One partition: how safe what is needed of it is, and why; `missing` are half-open ranges that are gone."""

    partition: int
    level: Level
    needed: int
    earliest: int
    age_ms: int | None
    share: float
    missing: tuple[tuple[int, int], ...]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "missing": [list(part) for part in self.missing]}


def next_offsets(ledger: Iterable[LedgerRow]) -> dict[int, int]:
    """The first offset of each partition that no batch has read."""
    ends: dict[int, int] = {}
    for row in ledger:
        ends |= {part.partition: part.end for part in row.ranges}
    return ends


def needed_ranges(late: Ranges, next_unread: Mapping[int, int], logs: Mapping[int, PartitionLog]) -> OffsetRanges:
    """Late spans, and all from the next unread offset on; before its first batch a stream needs only what is there.

    A partition that the ledger does not know, while it knows others, was added: it is needed from 0 on.
    """
    unread = {
        partition: (next_unread.get(partition, 0 if next_unread else log.earliest), log.end)
        for partition, log in logs.items()
    }
    return merged({partition: [*late.get(partition, ()), unread[partition]] for partition in logs})


def judge(needed: OffsetRanges, logs: Mapping[int, PartitionLog], limits: TopicRetention, now_ms: int) -> list[Verdict]:
    """A verdict for every partition."""
    missing = outside(needed, {p: log.earliest for p, log in logs.items()}, {p: log.end for p, log in logs.items()})
    return [
        _gone(partition, needed[partition], log, missing[partition])
        if partition in missing
        else _verdict(partition, needed.get(partition, []), log, limits, now_ms)
        for partition, log in sorted(logs.items())
    ]


def _gone(partition: int, needed: list[tuple[int, int]], log: PartitionLog, missing: list[tuple[int, int]]) -> Verdict:
    ranges = ", ".join(f"{start} to {end - 1}" for start, end in missing)
    reason = f"offsets {ranges} are needed and gone"
    return Verdict(partition, Level.GONE, needed[0][0], log.earliest, None, 1.0, tuple(missing), reason)


def _verdict(
    partition: int, needed: list[tuple[int, int]], log: PartitionLog, limits: TopicRetention, now_ms: int
) -> Verdict:
    if not needed:
        return Verdict(partition, Level.FINE, log.end, log.earliest, None, 0.0, (), "nothing is waiting")
    first = needed[0][0]
    age_ms = None if log.oldest_ms is None else max(0, now_ms - log.oldest_ms)
    shares = dict(_shares(first, age_ms, log, limits))
    reason, share = max(shares.items(), key=lambda item: item[1], default=("nothing removes what is needed", 0.0))
    return Verdict(partition, _level(share), first, log.earliest, age_ms, share, (), reason)


def _level(share: float) -> Level:
    if share >= PAGE_SHARE:
        return Level.PAGE
    return Level.WARN if share >= WARN_SHARE else Level.FINE


def _shares(first: int, age_ms: int | None, log: PartitionLog, limits: TopicRetention) -> Iterable[tuple[str, float]]:
    """What could remove the oldest needed record, and how near it is: 1 where it may do so at any time."""
    if age_ms is not None and limits.retention_ms is not None:
        kept = format_duration(limits.retention_ms)
        yield (
            f"the oldest record needed is {_rounded(age_ms)} old, kept are {kept}",
            age_ms / max(1, limits.retention_ms),
        )
    if log.size is not None and limits.retention_bytes is not None:
        size = round(log.size * (log.end - first) / max(1, log.end - log.earliest))
        kept_bytes = limits.retention_bytes
        yield f"from offset {first} on there are {size:,} bytes, kept are {kept_bytes:,}", size / max(1, kept_bytes)
    if limits.compacts:
        yield "the topic is compacted: records with a key that comes again are removed", 1.0


def _rounded(milliseconds: int) -> str:
    """An age in its two leading units' worth: days, hours, minutes or seconds."""
    for unit_ms in (86_400_000, 3_600_000, 60_000, 1_000):
        if milliseconds >= 2 * unit_ms:
            return format_duration(milliseconds // unit_ms * unit_ms)
    return format_duration(milliseconds)
