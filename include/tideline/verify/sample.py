"""Verifies some windows, drawn by a seed or by a range of event time, without reading the whole log.

It trusts the ledger's zone map for where the windows' events lie, and checks no conservation: a whole verification
trusts neither, and proves both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import chain
from random import Random
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from tideline.backfill import windows_between
from tideline.engine.publish import Publisher
from tideline.engine.slots import slot_columns
from tideline.errors import UserError
from tideline.generations import Era, unexpired
from tideline.home import Home
from tideline.isolation import require_isolation
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import earliest_offsets, topic_id
from tideline.ledger import LedgerRow, require_same_topic
from tideline.offset_ranges import OffsetRanges
from tideline.quarantine import NOTHING, Quarantine, load_quarantine
from tideline.recompute import Pin, ReadRanges, Window, recompute, zone_map
from tideline.rejects import kept_outside
from tideline.spec.model import StreamSpec
from tideline.stream_books import deployed_spec, reader
from tideline.tables.books import read_last_row
from tideline.tables.schemas import StreamTables, correction_schema
from tideline.unchecked import unchecked
from tideline.unrecoverable import Earliest, holding_windows
from tideline.verify.compare import compare, pending_windows, revisions_of
from tideline.verify.report import MetricReport, pinned_as_dict, sum_reports
from tideline.verify.snapshot import Snapshot, take_snapshot

ALWAYS_US = (-(1 << 62), 1 << 62)


@dataclass(frozen=True)
class Draw:
    """Which windows: a share or a number of those that begin in [since, until) us; by default all of them."""

    seed: int
    share: float | None = None
    count: int | None = None
    between_us: tuple[int, int] = ALWAYS_US

    def draw(self, windows: Iterable[Window]) -> list[Window]:
        """The same windows for the same seed; at least one where there is one."""
        every = sorted(windows)
        if self.share is not None:
            wanted = max(1, round(self.share * len(every)))
        else:
            wanted = len(every) if self.count is None else self.count
        return sorted(Random(self.seed).sample(every, min(wanted, len(every))))


@dataclass(frozen=True)
class SampleReport:
    """The verdict on the windows that were drawn, out of how many, and how many records were read for it.

    `unchecked` windows could not be drawn: Kafka no longer has all of their events.
    """

    stream: str
    pinned: LedgerRow | None
    draw: Draw
    drawn: int
    windows: int
    unchecked: int
    records_read: int
    metrics: dict[str, MetricReport]

    @property
    def holds(self) -> bool:
        return not any(report.differences for report in self.metrics.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "holds": self.holds,
            "pinned": pinned_as_dict(self.pinned),
            "sample": {
                "drawn": self.drawn,
                "windows": self.windows,
                "unchecked": self.unchecked,
                "seed": self.draw.seed,
                "records_read": self.records_read,
            },
            "metrics": {name: report.as_dict() for name, report in self.metrics.items()},
            "conservation": None,
            "differences": [asdict(difference) for r in self.metrics.values() for difference in r.shown],
        }


def verify_stream_sample(
    home: Home,
    kafka: KafkaAccess,
    stream: str,
    draw: Draw,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> SampleReport:
    """Verifies the drawn windows of a deployed stream; `progress` gets records read and records to read."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    last = read_last_row(tables)
    require_same_topic([last] if last else [], topic_id(kafka, spec.source.topic))
    require_isolation([last] if last else [], spec.source.isolation)
    quarantine = load_quarantine(home.stream(stream).quarantine)
    earliest = earliest_offsets(kafka, spec.source.topic)
    return verify_sample(tables, spec, reader(kafka, spec, quarantine), draw, progress, earliest, quarantine)


def verify_sample(
    tables: StreamTables,
    spec: StreamSpec,
    read: ReadRanges,
    draw: Draw,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    earliest: Earliest = MappingProxyType({}),
    quarantine: Quarantine = NOTHING,
) -> SampleReport:
    """Compares the drawn windows with what the log holds at the offsets that the zone map gives for them.

    Windows of which the log, from the `earliest` offsets on, no longer has every event are not drawn.
    """
    snapshot = take_snapshot(tables, spec)
    if snapshot is None:
        raise UserError(f"stream '{spec.name}' has no batch yet", "verify it whole, or wait for its first batch")
    known = known_windows(snapshot, draw.between_us)
    known = unexpired(snapshot.eras, known)
    gone = known & unchecked(snapshot.ledger, earliest, holding_windows(snapshot.eras)).windows
    windows = known - gone
    if not windows:
        raise UserError(
            "no window begins in that time", "`tideline ledger NAME --by day --event-time` shows where events are"
        )
    drawn = frozenset(draw.draw(windows))
    reading = _Reading(read, progress)

    def read_all(ranges: OffsetRanges) -> Iterable[pa.Table]:
        kept = kept_outside(tables, ranges, snapshot.pinned.version, quarantine, snapshot.erased.last)
        return chain(reading(ranges), kept)

    reports: dict[str, list[MetricReport]] = {name: [] for name in snapshot.published}
    for era, merged in zip(snapshot.eras, snapshot.merged, strict=True):
        for name, report in _compare_era(snapshot, era, merged, drawn, read_all):
            reports[name].append(report)
    metrics = {name: sum_reports(found) for name, found in reports.items() if found}
    return SampleReport(spec.name, snapshot.pinned, draw, len(drawn), len(windows), len(gone), reading.records, metrics)


def known_windows(snapshot: Snapshot, between_us: tuple[int, int] = ALWAYS_US) -> frozenset[Window]:
    """The windows that hold events by the ledger, and those that the tables hold: one too many is seen too."""
    since_us, until_us = between_us
    published = {
        (name, end)
        for name, rows in snapshot.published.items()
        if rows is not None
        for start, end in zip(*(_us(rows, column) for column in ("window_start", "window_end")), strict=True)
        if since_us <= start < until_us
    }
    return windows_between(snapshot.eras, snapshot.ledger, since_us, until_us) | published


class _Reading:
    """Reads ranges, and tells how far it is: records read, and records to read of the ranges asked for so far."""

    def __init__(self, read: ReadRanges, progress: Callable[[int, int], None]) -> None:
        self._read, self._progress = read, progress
        self.records = self._wanted = 0

    def __call__(self, ranges: dict[int, list[tuple[int, int]]]) -> Iterable[pa.Table]:
        self._wanted += sum(end - start for spans in ranges.values() for start, end in spans)
        for records in self._read(ranges):
            self.records += len(records)
            self._progress(self.records, self._wanted)
            yield records


def _compare_era(
    snapshot: Snapshot, era: Era, merged: pa.Table, drawn: frozenset[Window], read: ReadRanges
) -> Iterable[tuple[str, MetricReport]]:
    """A report for each metric, of the era's spec or left over in the tables, that has drawn windows in the era."""
    own = frozenset(window for window in drawn if era.bounds.hold(window[1]))
    if not own:
        return
    expected = _expected(snapshot, era, own, read)
    pending = pending_windows(snapshot.eras, (row for row in snapshot.ledger if row.version not in snapshot.corrected))
    for name in sorted({name for name, _ in own}):
        rows = snapshot.published[name]
        found = None if rows is None else _of_windows(rows, {end for metric, end in own if metric == name})
        if name in expected:
            yield name, compare(name, expected[name], found, pending, revisions_of(merged))
        elif found is not None:
            yield name, compare(name, found.slice(0, 0), found)


def _expected(snapshot: Snapshot, era: Era, windows: frozenset[Window], read: ReadRanges) -> dict[str, pa.Table]:
    """The rows that the era's spec makes of the records, by metric."""
    pin = Pin(snapshot.pinned.version, snapshot.pinned.batch_at_ms)
    ranges = zone_map(snapshot.ledger, era.spec, windows.__contains__)
    publisher = Publisher(era.spec, era.first_version)
    groups = recompute(era, read(ranges), windows.__contains__, pin)
    none = correction_schema(slot_columns(publisher.plans.values())).empty_table()
    merged = publisher.merge(groups, none)
    return publisher.finish(merged, era.watermark_ms(snapshot.pinned))


def _of_windows(rows: pa.Table, ends: set[int]) -> pa.Table:
    return rows.filter(pa.array([end in ends for end in _us(rows, "window_end")], pa.bool_()))


def _us(rows: pa.Table, column: str) -> list[int]:
    found: list[int] = rows[column].cast(pa.int64()).to_pylist()
    return found
