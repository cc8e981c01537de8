"""What must be read again: the offsets of late panes whose batches have no corrections yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tideline.ledger import LedgerRow, Pane
from tideline.offset_ranges import OffsetRanges, merged
from tideline.spec.model import StreamSpec


@dataclass(frozen=True)
class LateSpan:
    """Offsets [start, end) of one partition in which the batch `version` dropped something, by L = `late_ms`."""

    version: int
    partition: int
    start: int
    end: int
    late_ms: int
    batch_at_ms: int


@dataclass(frozen=True)
class ReconcilePlan:
    """Late spans by batch, and the events in them that lost a window."""

    spans: tuple[LateSpan, ...]
    events: int

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(span.version for span in self.spans)

    @property
    def ranges(self) -> OffsetRanges:
        """The offsets to read by partition, ascending, adjacent spans joined."""
        return by_partition((span.partition, span.start, span.end) for span in self.spans)

    @property
    def records(self) -> int:
        """An upper bound of the records to be read: control records use up offsets too."""
        return sum(end - start for ranges in self.ranges.values() for start, end in ranges)


def plan_reconcile(
    spec: StreamSpec,
    ledger: Iterable[LedgerRow],
    corrected: frozenset[int],
    until: datetime | None = None,
) -> ReconcilePlan:
    """The plan for the batches recorded before `until` that dropped something and are not corrected."""
    spans: list[LateSpan] = []
    events = 0
    for row in ledger:
        if row.version not in corrected and _is_before(row.batch_at_ms, until):
            late = row.late_panes(spec)
            events += sum(pane.events for pane in late)
            spans += _spans(row, late)
    return ReconcilePlan(tuple(spans), events)


def _spans(row: LedgerRow, late: Iterable[Pane]) -> list[LateSpan]:
    """A batch's late panes as spans of offsets, overlapping ones joined: an event is read once."""
    ranges = by_partition((pane.partition, pane.first_offset, pane.last_offset + 1) for pane in late)
    return [
        LateSpan(row.version, partition, start, end, row.late_ms, row.batch_at_ms)
        for partition, spans in ranges.items()
        for start, end in spans
    ]


def _is_before(at_ms: int, until: datetime | None) -> bool:
    return until is None or at_ms < until.timestamp() * 1000


def is_due(every_ms: int, until: datetime, schedule_ms: int) -> bool:
    """Whether a multiple of a stream's own interval lies in the scheduled run that ends at `until`."""
    end = round(until.timestamp() * 1000)
    return end // every_ms > (end - schedule_ms) // every_ms


def by_partition(ranges: Iterable[tuple[int, int, int]]) -> OffsetRanges:
    """(partition, start, end) triples as disjoint ascending ranges by partition."""
    found: OffsetRanges = {}
    for partition, start, end in ranges:
        found.setdefault(partition, []).append((start, end))
    return merged(found)
