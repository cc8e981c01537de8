"""What of the log can still be read back, and what a verification must leave unchecked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tideline.ledger import LedgerRow, PartitionRange
from tideline.unrecoverable import Earliest, Window, Windows, is_gone


@dataclass(frozen=True)
class Unchecked:
    """Batches of which Kafka no longer has every offset, and the windows that hold an event which is gone."""

    versions: frozenset[int]
    windows: frozenset[Window]


@dataclass(frozen=True)
class Countable:
    """Where records can still be counted against the ledger: whole batches from `starts` on, by partition."""

    starts: dict[int, int]
    rows: int
    rejects: int


def unchecked(rows: Iterable[LedgerRow], earliest: Earliest, holding: Windows) -> Unchecked:
    """What retention touched; `holding` gives all windows of a pane, late or not.

    A window that is not named has all its events at or after the earliest offsets, and can be computed exactly.
    """
    versions: set[int] = set()
    windows: set[Window] = set()
    for row in rows:
        if any(_is_cut(part, earliest) for part in row.ranges):
            versions.add(row.version)
            windows.update(window for pane in row.panes if is_gone(pane, earliest) for window in holding(row, pane))
    return Unchecked(frozenset(versions), frozenset(windows))


def countable(rows: Iterable[LedgerRow], earliest: Earliest) -> Countable:
    """The ranges that are there from their first offset on, and the records and rejects that they held."""
    whole = [part for row in rows for part in row.ranges if part.start < part.end and not _is_cut(part, earliest)]
    starts: dict[int, int] = {}
    for part in whole:
        starts[part.partition] = min(part.start, starts.get(part.partition, part.start))
    return Countable(starts, sum(part.rows for part in whole), sum(part.rejects for part in whole))


def _is_cut(part: PartitionRange, earliest: Earliest) -> bool:
    return part.start < min(part.end, earliest.get(part.partition, 0))
