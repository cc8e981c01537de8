"""What must be read again: the offsets of late panes whose batches have no corrections yet. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tideline.generations import Era, counts_every_event
from tideline.ledger import LedgerRow, Pane
from tideline.offset_ranges import OffsetRanges, merged
from tideline.versions import generation_of


@dataclass(frozen=True)
class LateSpan:
    """Offsets [start, end) of one partition in which the batch `version` dropped something, by L = `late_ms`.

    `in_doubt`: the batch is an inferred one, and only of its own era's windows is it certain that it dropped something.
    """

    version: int
    partition: int
    start: int
    end: int
    late_ms: int
    batch_at_ms: int
    in_doubt: bool = False

    @property
    def generation(self) -> int:
        return generation_of(self.version)


@dataclass(frozen=True)
class ReconcilePlan:
    """Late spans by batch, the events in them that lost a window, and how many windows each batch's events lost.

    `pairs` leaves out the windows of metrics with a condition: the ledger does not know for which events it is true.
    """

    spans: tuple[LateSpan, ...]
    events: int
    pairs: dict[int, int]
    doubtful: frozenset[tuple[str, int]] = frozenset()
    in_doubt: frozenset[int] = frozenset()
    """The inferred batches that leave them so."""

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


@dataclass(frozen=True)
class Interval:
    """Batches recorded from `since` on and before `until`; None is no limit."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at_ms: int) -> bool:
        after = self.since is None or at_ms >= self.since.timestamp() * 1000
        return after and (self.until is None or at_ms < self.until.timestamp() * 1000)


def plan_reconcile(
    eras: Sequence[Era], ledger: Iterable[LedgerRow], corrected: Container[int], interval: Interval = Interval()
) -> ReconcilePlan:
    """The plan for the batches of the interval that dropped something and are not corrected.

    `doubtful` are windows (metric, end in us) of which nobody knows what inferred batches dropped.
    """
    spans: list[LateSpan] = []
    events, pairs, doubtful, in_doubt = 0, {}, set(), set()
    for row in ledger:
        if row.version not in corrected and interval.holds(row.batch_at_ms):
            late = row.late_panes(eras)
            events += sum(pane.events for pane in late)
            spans += _spans(row, late)
            doubtful |= {window for pane in row.panes for window in row.doubtful_windows(eras, pane)}
            if row.doubt_ms is not None:
                in_doubt.add(row.version)
            if late:
                pairs[row.version] = sum(
                    pane.events
                    for pane in late
                    for window in row.lost_windows(eras, pane)
                    if counts_every_event(eras, window)
                )
    return ReconcilePlan(tuple(spans), events, pairs, frozenset(doubtful), frozenset(in_doubt))


def _spans(row: LedgerRow, late: Iterable[Pane]) -> list[LateSpan]:
    """A batch's late panes as spans of offsets, overlapping ones joined: an event is read once."""
    ranges = by_partition((pane.partition, pane.first_offset, pane.last_offset + 1) for pane in late)
    return [
        LateSpan(row.version, partition, start, end, row.filtered_by_ms, row.batch_at_ms, row.doubt_ms is not None)
        for partition, spans in ranges.items()
        for start, end in spans
    ]


def dealt_with(ledger: Sequence[LedgerRow], interval: Interval, held: Container[int] = frozenset()) -> int | None:
    """The version up to which every batch is dealt with once the plan for the interval is: None when none is. What is
    `held` is not."""
    if interval.since is not None:
        return None
    done = None
    for row in ledger:
        if row.version in held or not interval.holds(row.batch_at_ms):
            break
        done = row.version
    return done


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
