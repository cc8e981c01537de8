"""`tideline backfill`: recomputes a range of event time from Kafka, whatever the tables hold of it now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa

from tideline.errors import UserError
from tideline.generations import Era
from tideline.home import Home
from tideline.horizon import NOTHING_US
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import OffsetsGone
from tideline.lateness import windows_of
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges
from tideline.recompute import Pin, ReadRanges, Window, overrides_of, pinned_windows, recompute, zone_map
from tideline.rejects import kept_outside
from tideline.stream_books import StreamBooks, open_books
from tideline.tables.corrections import commit_overrides
from tideline.tables.erased import read_erased
from tideline.tables.publication import Publication
from tideline.tables.schemas import StreamTables
from tideline.times import iso, iso_ms, iso_us
from tideline.troubles import Troubles
from tideline.unchecked import unchecked
from tideline.unrecoverable import holding_windows


@dataclass(frozen=True)
class BackfillResult:
    """What was recomputed: windows, those left since they are still open, records read, groups, rows that changed.

    `gone_windows` are left as they are: Kafka no longer has all of their events.
    """

    stream: str
    windows: int
    open_windows: int
    records_read: int
    groups: int
    rows_changed: int
    gone_windows: tuple[Window, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        gone = [{"metric": name, "window_end": iso_us(end)} for name, end in self.gone_windows]
        return asdict(self) | {"gone_windows": gone}


def backfill_stream(
    home: Home,
    kafka: KafkaAccess,
    stream: str,
    since: datetime,
    until: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> BackfillResult:
    """Recomputes the windows that begin in [since, until) and are closed; open ones the stream itself completes."""
    if since >= until:
        raise UserError(f"the range from {iso(since)} to {iso(until)} is empty", "give --from a time before --to")
    books = open_books(home, kafka, stream)
    require_unexpired(books.tables, books.eras, since, until)
    windows = windows_between(books.eras, books.ledger, _us(since), _us(until))
    return recompute_windows(books, windows, progress)


def recompute_windows(
    books: StreamBooks,
    windows: frozenset[Window],
    progress: Callable[[str], None] = lambda _: None,
    only_unlike: bool = False,
) -> BackfillResult:
    """Recomputes those of the windows that are closed, as overrides, and publishes them.

    `only_unlike`: groups whose inputs say the same already are left as they are.
    """
    if not books.ledger:
        return BackfillResult(books.stream, 0, 0, 0, 0, 0)
    pinned = [
        (era, pin, found) for era in books.eras for pin, found in pinned_windows(era, windows, books.ledger).items()
    ]
    closed = frozenset(window for _, _, found in pinned for window in found)
    read, overrides, done = _Reading(books), list[pa.Table](), frozenset[Window]()
    for era, pin, found in pinned:
        held, computed = _overrides(books, era, found, pin, read, only_unlike)
        done |= held
        overrides += computed
    gone = tuple(sorted(closed - done))
    progress(f"{len(done)} windows computed again from {read.records} records")
    if gone:
        progress(f"{len(gone)} windows are left as they are: Kafka no longer has all of their events")
    rows = pa.concat_tables(overrides, promote_options="default") if overrides else pa.table({})
    groups = commit_overrides(books.tables, rows, clock=books.clock)
    troubles = Troubles(books.clock)
    changed = Publication(books.tables, books.eras, attempt=troubles.attempt).publish_new()
    progress(f"{changed} rows changed")
    troubles.require_none(f"{books.stream}: {groups} groups are computed again")
    still_open = len(windows) - len(closed)
    return BackfillResult(books.stream, len(done), still_open, read.records, groups, changed, gone)


def _overrides(
    books: StreamBooks, era: Era, windows: frozenset[Window], pin: Pin, read: ReadRanges, only_unlike: bool
) -> tuple[frozenset[Window], list[pa.Table]]:
    """The windows of which Kafka has every event, and their overrides: a window is computed whole or not at all."""
    while windows:
        try:
            return windows, [_override(books, era, windows, pin, read, only_unlike)]
        except OffsetsGone:
            ledger = (row for row in books.ledger if row.version <= pin.version)
            gone = unchecked(ledger, books.look({}).earliest, holding_windows(books.eras)).windows
            if windows.isdisjoint(gone):
                raise
            windows -= gone
    return windows, []


def _override(
    books: StreamBooks,
    era: Era,
    windows: frozenset[Window],
    pin: Pin,
    read: ReadRanges,
    only_unlike: bool,
) -> pa.Table:
    ledger = (row for row in books.ledger if row.version <= pin.version)
    ranges = zone_map(ledger, era.spec, windows.__contains__)
    refused = kept_outside(books.tables, ranges, pin.version, books.quarantine, read_erased(books.tables).last)
    groups = recompute(era, chain(read(ranges), refused), windows.__contains__, pin)
    return overrides_of(era, books.tables, groups, sorted(windows), pin, only_unlike)


class _Reading:
    """Reads ranges of the stream's topic, and counts the records."""

    def __init__(self, books: StreamBooks) -> None:
        self._books = books
        self.records = 0

    def __call__(self, ranges: OffsetRanges) -> Iterable[pa.Table]:
        for records in self._books.read(ranges):
            self.records += len(records)
            yield records


def require_unexpired(tables: StreamTables, eras: Sequence[Era], since: datetime, until: datetime) -> None:
    """UserError where windows that begin in [since, until) may have expired: they cannot be computed any more."""
    expired_us = eras[-1].expired_us
    shortest = min(metric.window for era in eras for metric in era.spec.metrics.values())
    if expired_us == NOTHING_US or _us(since) + shortest * 1000 > expired_us or since >= until:
        return
    stream, erased = eras[-1].spec.name, read_erased(tables)
    at = f" on {iso_ms(erased.at_ms)}" if erased.until_us == expired_us else ""
    raise UserError(
        f"{stream}: what windows that end up to {iso_us(expired_us)} were made of was erased{at}, and the "
        f"range begins at {iso(since)}",
        f"begin at {iso_us(expired_us)} or later: the rows of windows before it stay as they are",
    )


def windows_between(
    eras: Sequence[Era], ledger: Iterable[LedgerRow], since_us: int, until_us: int
) -> frozenset[Window]:
    """The windows that hold events, by the zone map, and begin in [since, until)."""
    return frozenset(
        (name, end)
        for row in ledger
        for pane in row.panes
        for era in eras
        for name, end in windows_of(era.spec, pane.pane, row.pane_ms * 1000)
        if era.bounds.hold(end) and since_us <= end - era.spec.metrics[name].window * 1000 < until_us
    )


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
