"""The share of events that the watermark drops, and the alarm when it is far too large.

Dropped events are late, not lost: a reconciliation finds them. But a stream that drops most of what arrives follows
a wrong watermark: one event from the future moved it, or one partition runs far behind the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tideline.ledger import LedgerRow, PartitionRange
from tideline.versions import batch_of, generation_of


@dataclass(frozen=True)
class DroppedShare:
    """Valid events of some batches, and those of them that lost a window."""

    batches: int
    events: int
    dropped: int

    @property
    def share(self) -> float:
        return self.dropped / self.events if self.events else 0.0


@dataclass(frozen=True)
class Alarm:
    """The share that raised it, the first of its batches that dropped, and which record moved the watermark most."""

    found: DroppedShare
    since: int
    moved_by: int
    partition: int
    ahead_us: int

    def __str__(self) -> str:
        return (
            f"{self.found.share:.0%} of the events of the last {self.found.batches} batches with events were dropped"
            f" ({self.found.dropped:,} of {self.found.events:,}, since batch {_batch(self.since)}); event time"
            f" went ahead most in batch {_batch(self.moved_by)}, partition {self.partition}, by"
            f" {self.ahead_us / 1e6:,.0f} s: a reconciliation recovers what was dropped, and"
            " source.max_future guards the watermark"
        )


def _batch(version: int) -> str:
    return f"{generation_of(version)}/{batch_of(version)}"


def dropped_share(rows: Sequence[LedgerRow], last: int = 20) -> DroppedShare:
    """Of the last so many batches that had events."""
    recent = _with_events(rows)[-last:]
    return DroppedShare(len(recent), sum(row.events for row in recent), sum(row.late_events for row in recent))


def dropped_alarm(rows: Sequence[LedgerRow], *, last: int = 20, above: float = 0.5, at_least: int = 10) -> Alarm | None:
    """An alarm when more than the share `above`, and at least so many events, of the last batches were dropped."""
    found = dropped_share(rows, last)
    if found.dropped < at_least or found.share <= above:
        return None
    recent = _with_events(rows)[-last:]
    since = next(row for row in recent if row.late_events)
    moved_by, part, ahead_us = _greatest_step([row for row in rows if row.version <= since.version])
    return Alarm(found, since.version, moved_by, part.partition, ahead_us)


def _greatest_step(rows: Sequence[LedgerRow]) -> tuple[int, PartitionRange, int]:
    """Where the event time went ahead most: version, partition's range, and by how much (us)."""
    greatest: int | None = None
    steps: list[tuple[int, int, PartitionRange]] = []
    for row in rows:
        for part in row.ranges:
            if part.least is None or part.greatest is None:
                continue
            before = part.least if greatest is None else greatest
            steps.append((part.greatest - before, row.version, part))
            greatest = max(part.greatest, before)
    ahead_us, version, part = max(steps, key=lambda step: step[:2])
    return version, part, ahead_us


def _with_events(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    return [row for row in rows if row.panes]
