"""Whole windows computed again from Kafka, through the zone map: for backfills, new specs, and where books have gaps.

The result is kept as overrides, pinned at a batch: all events up to it are in them, whatever was late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import GROUP, Engine, connect
from tideline.engine.publish import Publisher
from tideline.engine.relations import restrict
from tideline.engine.slots import slot_columns, stream_plans
from tideline.generations import Era
from tideline.lateness import extra_delay_us, windows_of
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges
from tideline.reconcile_plan import by_partition
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline.tables.batch import group_rows
from tideline.tables.books import read_inputs
from tideline.tables.schemas import TIME, StreamTables
from tideline.versions import version_of

Window = tuple[str, int]
"""A metric's window by its end in us."""
Wants = Callable[[Window], bool]
ReadRanges = Callable[[OffsetRanges], Iterable[pa.Table]]
"""Reads half-open offset ranges of a stream's topic, as tables of `RECORDS`."""


@dataclass(frozen=True)
class Pin:
    """The batch up to which a recomputation has seen every event, and its recorded time."""

    version: int
    at_ms: int


def zone_map(ledger: Iterable[LedgerRow], spec: StreamSpec, wants: Wants) -> OffsetRanges:
    """The offsets that may hold events of the wanted windows, by the parser that the batches had."""
    panes = (
        (pane.partition, pane.first_offset, pane.last_offset + 1)
        for row in ledger
        for pane in row.panes
        if any(wants(window) for window in windows_of(spec, pane.pane, row.pane_ms * 1000))
    )
    return by_partition(panes)


def recompute(era: Era, chunks: Iterable[pa.Table], wants: Wants, pin: Pin) -> pa.Table:
    """The groups of the wanted windows that the records hold, as overrides (`group_schema`)."""
    engine = Engine(era.spec, era.bounds)
    engine.load(RECORDS.empty_table())
    groups = engine.merge(engine.cells())
    for records in chunks:
        engine.load(records)
        cells = engine.cells().select(groups.column_names)
        groups = engine.merge(pa.concat_tables([groups, _wanted(cells, wants)]))
    return _overrides(era.spec, groups, pin)


def _wanted(cells: pa.Table, wants: Wants) -> pa.Table:
    found = cells.select(["metric", "window_end"]).group_by(["metric", "window_end"]).aggregate([])
    ends = found["window_end"].cast(pa.int64()).to_pylist()
    kept = [wants(window) for window in zip(found["metric"].to_pylist(), ends, strict=True)]
    return restrict(cells, found.filter(pa.array(kept, pa.bool_())), ("metric", "window_end"))


def overrides_of(
    era: Era, tables: StreamTables, recomputed: pa.Table, windows: Sequence[Window], pin: Pin, only_unlike: bool
) -> pa.Table:
    """What is written so that these windows are as recomputed: their groups, of which `only_unlike` leaves out those
    that are so already, and those that the tables hold and the recomputation did not find, as overrides of no event.
    """
    ends = pa.array(sorted({end for _, end in windows}), pa.int64()).cast(TIME)
    inputs = read_inputs(tables, era, pc.field("window_end").isin(ends))
    merged = Publisher(era.spec, era.first_version).merge(inputs.parts, inputs.corrections, inputs.overrides)
    wanted = pa.table(
        {"metric": pa.array([name for name, _ in windows], pa.string()),
         "window_end": pa.array([end for _, end in windows], pa.int64()).cast(TIME)}
    )  # fmt: skip
    known = restrict(merged.filter(pc.greater(merged["events"], 0)), wanted, ("metric", "window_end"))
    lost = restrict(known.select(GROUP), recomputed, GROUP, present=False)
    none = lost.append_column("events", pa.repeat(pa.scalar(0, pa.int64()), len(lost)))
    groups = _unlike(recomputed, merged) if only_unlike else recomputed
    return pa.concat_tables([groups, _overrides(era.spec, none, pin)])


def _unlike(groups: pa.Table, others: pa.Table) -> pa.Table:
    """The groups that the others do not hold with the same events and slots."""
    values = [name for name in groups.column_names if name not in ("version", "batch_at")]
    same = " and ".join(f"groups.{name} is not distinct from others.{name}" for name in values)
    connection = connect()
    connection.register("groups", groups)
    connection.register("others", others)
    sql = f"select * from groups where not exists (select 1 from others where {same})"
    return connection.sql(sql).to_arrow_table().cast(groups.schema)


def _overrides(spec: StreamSpec, groups: pa.Table, pin: Pin) -> pa.Table:
    return group_rows(slot_columns(stream_plans(spec).values()), groups, pin.version, pin.at_ms)


def closed_windows(era: Era, windows: Iterable[Window], last: LedgerRow) -> frozenset[Window]:
    """Those of the windows that the era owns and that are closed as of the last batch."""
    return _ended_by(era, windows, era.watermark_ms(last))


def pinned_windows(era: Era, windows: Iterable[Window], ledger: Sequence[LedgerRow]) -> dict[Pin, frozenset[Window]]:
    """The closed ones of the windows, by the batch up to which they can be computed again.

    That is the ledger's last, whose watermark has passed them. A window that an earlier generation closed, the last one
    still counts from the records it reads: it is computed up to where the generation began.
    """
    last = ledger[-1]
    closed = closed_windows(era, windows, last)
    settled = _ended_by(era, closed, last.watermark_ms) if era.ran(last.generation) else closed
    begun = version_of(last.generation, 0) - 1
    before = [row for row in ledger if row.version < begun]
    pinned = {Pin(last.version, last.batch_at_ms): settled}
    if before:
        pinned[Pin(begun, before[-1].batch_at_ms)] = closed - settled
    return {pin: found for pin, found in pinned.items() if found}


def _ended_by(era: Era, windows: Iterable[Window], watermark_ms: int) -> frozenset[Window]:
    return frozenset(
        (name, end)
        for name, end in windows
        if name in era.spec.metrics
        and era.bounds.hold(end)
        and end + extra_delay_us(era.spec, name) <= watermark_ms * 1000
    )
