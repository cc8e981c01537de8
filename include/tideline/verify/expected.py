"""What the log says: a batch computation over Kafka alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.generations import Era
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges, merged
from tideline.records import RECORDS
from tideline.tables.batch import group_rows
from tideline.tables.schemas import correction_schema
from tideline.verify.report import Log


@dataclass(frozen=True)
class Expected:
    """What the whole log holds, and the rows that each era's tables should hold, in the order of the eras."""

    log: Log
    rows: tuple[dict[str, pa.Table], ...]


def compute_expected(
    eras: Sequence[Era], last: LedgerRow, chunks: Iterable[pa.Table], progress: Callable[[int], None]
) -> Expected:
    """Computes the records as one batch, each era by its own spec; windows close by the last ledgered watermark."""
    batches = [_Batch(era) for era in eras]
    newest = Engine(eras[-1].spec)
    events = rejected = 0
    for records in chunks:
        newest.load(records)
        events += len(records)
        rejected += len(newest.rejects())
        for batch in batches:
            batch.add(records)
        progress(events)
    log = Log(events, rejected, sum(batch.pairs for batch in batches))
    return Expected(log, tuple(batch.rows(last) for batch in batches))


class _Batch:
    """One era's groups of all records so far."""

    def __init__(self, era: Era) -> None:
        self._era = era
        self._engine = Engine(era.spec, era.bounds)
        self._engine.load(RECORDS.empty_table())
        self._groups = self._engine.merge(self._engine.cells())

    def add(self, records: pa.Table) -> None:
        self._engine.load(records)
        cells = self._engine.cells().select(self._groups.column_names)
        self._groups = self._engine.merge(pa.concat_tables([self._groups, cells]))

    @property
    def pairs(self) -> int:
        return pc.sum(self._groups["events"]).as_py() or 0

    def rows(self, last: LedgerRow) -> dict[str, pa.Table]:
        publisher, slots = Publisher(self._era.spec), self._engine.slots
        parts = group_rows(slots, self._groups, version=1, at_ms=0)
        merged = publisher.merge(parts, correction_schema(slots).empty_table())
        return publisher.finish(merged, self._era.watermark_ms(last))


def log_ranges(ledger: Sequence[LedgerRow]) -> OffsetRanges:
    """All offsets from the stream's first batch to the pinned one."""
    ranges = ((part.partition, part.start, part.end) for row in ledger for part in row.ranges)
    firsts: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for partition, start, end in ranges:
        firsts[partition] = min(start, firsts.get(partition, start))
        lasts[partition] = max(end, lasts.get(partition, end))
    return merged({partition: [(firsts[partition], lasts[partition])] for partition in firsts})
