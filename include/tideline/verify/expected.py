"""What the log says: a batch computation over Kafka alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.kafka_io import read_ranges
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges, merged
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import TIME, correction_schema
from tideline.verify.report import Log


@dataclass(frozen=True)
class Expected:
    """What the whole log holds, and the rows that each table should hold."""

    log: Log
    rows: dict[str, pa.Table]


def compute_expected(
    spec: StreamSpec, bootstrap: str, ledger: tuple[LedgerRow, ...], progress: Callable[[int, int], None]
) -> Expected:
    """Reads the log up to the end of the ledger and computes it as one batch; windows close by its last watermark."""
    events, rejected, cells = _read_cells(spec, bootstrap, log_ranges(ledger), progress)
    count = len(cells)
    parts = cells.append_column("version", pa.repeat(pa.scalar(1, pa.int64()), count))
    parts = parts.append_column("batch_at", pa.repeat(pa.scalar(0, TIME), count))
    publisher, engine = Publisher(spec), Engine(spec)
    inputs = publisher.merge(parts, correction_schema(engine.slots).empty_table())
    log = Log(events, rejected, pc.sum(cells["events"]).as_py() or 0)
    return Expected(log, publisher.finish(inputs, ledger[-1].watermark_ms))


def log_ranges(ledger: tuple[LedgerRow, ...]) -> OffsetRanges:
    """All offsets from the stream's first batch to the pinned one."""
    ranges = ((part.partition, part.start, part.end) for row in ledger for part in row.ranges)
    firsts: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for partition, start, end in ranges:
        firsts[partition] = min(start, firsts.get(partition, start))
        lasts[partition] = max(end, lasts.get(partition, end))
    return merged({partition: [(firsts[partition], lasts[partition])] for partition in firsts})


def _read_cells(
    spec: StreamSpec, bootstrap: str, ranges: OffsetRanges, progress: Callable[[int, int], None]
) -> tuple[int, int, pa.Table]:
    """Records, rejects and merged cells of the whole log."""
    engine = Engine(spec)
    total = sum(end - start for spans in ranges.values() for start, end in spans)
    events = rejected = 0
    engine.load(RECORDS.empty_table())
    groups = engine.merge(engine.cells())
    for records in read_ranges(bootstrap, spec.source.topic, ranges, read_committed=True):
        engine.load(records)
        groups = engine.merge(pa.concat_tables([groups, engine.cells().select(groups.column_names)]))
        events += len(records)
        rejected += len(engine.rejects())
        progress(events, total)
    return events, rejected, groups
