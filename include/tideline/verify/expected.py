"""What the log says: a batch computation over Kafka alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.engine.relations import restrict
from tideline.generations import Era
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges, merged
from tideline.quarantine import Record
from tideline.recompute import Window
from tideline.records import RECORDS
from tideline.tables.batch import group_rows
from tideline.tables.schemas import TIME, correction_schema
from tideline.verify.report import Log

Counted = Mapping[int, int]
"""The offset from which a partition's records are counted: those before it are of batches that are there in part."""


@dataclass(frozen=True)
class Expected:
    """What the whole log holds, and the rows that each era's tables should hold, in the order of the eras."""

    log: Log
    rows: tuple[dict[str, pa.Table], ...]


def compute_expected(
    eras: Sequence[Era],
    last: LedgerRow,
    chunks: Iterable[pa.Table],
    progress: Callable[[int], None] = lambda _: None,
    counted: Counted = MappingProxyType({}),
    unchecked: Set[Window] = frozenset(),
    kept: Iterable[pa.Table] = (),
) -> Expected:
    """Computes the records as one batch, each era by its own spec; windows close by the last ledgered watermark.

    `unchecked` windows have lost events to retention: they are left out. `kept` are rejects that Kafka need not have
    any more, and that may be events by now: they count in their windows, not in the log.
    """
    batches = [_Batch(era, unchecked) for era in eras]
    newest = Engine(eras[-1].spec)
    read = events = 0
    refused: set[Record] = set()
    for records in chunks:
        newest.load(records)
        read += len(records)
        events += len(_counted(records, counted))
        refused.update(_places(_counted(newest.rejects(), counted)))
        for batch in batches:
            batch.add(records)
        progress(read)
    for records in kept:
        for batch in batches:
            batch.add(records)
    log = Log(events, frozenset(refused), sum(batch.pairs for batch in batches))
    return Expected(log, tuple(batch.rows(last) for batch in batches))


def _counted(rows: pa.Table, counted: Counted) -> pa.Table:
    for partition, start in counted.items():
        is_before = pc.and_(pc.equal(rows["partition"], partition), pc.less(rows["offset"], start))
        rows = rows.filter(pc.invert(is_before))
    return rows


def _places(rows: pa.Table) -> Iterator[Record]:
    return zip(rows["partition"].to_pylist(), rows["offset"].to_pylist(), strict=True)


def without_windows(groups: pa.Table, windows: Set[Window]) -> pa.Table:
    """The groups (metric, window_end) that are in none of the windows."""
    if not windows:
        return groups
    listed = pa.table(
        {
            "metric": pa.array([name for name, _ in windows], pa.string()),
            "window_end": pa.array([end for _, end in windows], pa.int64()).cast(TIME),
        }
    )
    return restrict(groups, listed, ("metric", "window_end"), present=False)


class _Batch:
    """One era's groups of all records so far."""

    def __init__(self, era: Era, unchecked: Set[Window]) -> None:
        self._era = era
        self._unchecked = unchecked
        self._engine = Engine(era.spec, era.kept)
        self._engine.load(RECORDS.empty_table())
        self._groups = self._engine.merge(self._engine.cells())

    def add(self, records: pa.Table) -> None:
        self._engine.load(records)
        cells = without_windows(self._engine.cells().select(self._groups.column_names), self._unchecked)
        self._groups = self._engine.merge(pa.concat_tables([self._groups, cells]))

    @property
    def pairs(self) -> int:
        return pc.sum(self._groups["events"]).as_py() or 0

    def rows(self, last: LedgerRow) -> dict[str, pa.Table]:
        publisher, slots = Publisher(self._era.spec, self._era.first_version), self._engine.slots
        parts = group_rows(slots, self._groups, version=1, at_ms=0)
        merged = publisher.merge(parts, correction_schema(slots).empty_table())
        return publisher.finish(merged, self._era.watermark_ms(last))


def log_ranges(ledger: Sequence[LedgerRow], earliest: Mapping[int, int] = MappingProxyType({})) -> OffsetRanges:
    """All offsets from the stream's first batch, or from the earliest that are left, to the pinned batch."""
    ranges = ((part.partition, part.start, part.end) for row in ledger for part in row.ranges)
    firsts: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for partition, start, end in ranges:
        firsts[partition] = min(start, firsts.get(partition, start))
        lasts[partition] = max(end, lasts.get(partition, end))
    starts = {partition: max(first, earliest.get(partition, 0)) for partition, first in firsts.items()}
    return merged({part: [(min(start, lasts[part]), lasts[part])] for part, start in starts.items()})
