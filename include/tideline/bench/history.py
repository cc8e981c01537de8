"""Made-up groups and batches in any number: what a stream's tables hold after a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
from deltalake import write_deltalake

from tideline.engine.cells import connect
from tideline.engine.slots import SlotKind, slot_columns, slot_kind, slot_type, stream_plans
from tideline.ledger import LedgerRow, Pane, PartitionRange, to_struct
from tideline.spec.model import StreamSpec
from tideline.tables.batch import commit_batch
from tideline.tables.compaction import TIDY_EVERY
from tideline.tables.delta import make_table, stamped
from tideline.tables.schemas import LEDGER_KIND, PART_KIND, PARTS_WRITER, StreamTables, part_schema
from tideline.versions import version_of

_PARTITIONS = 3
_PANES = 3
_RECORDS = 1_000
_PACKED_BATCHES = 4_000
_VALUES = {
    SlotKind.COUNT: "7",
    SlotKind.SUM: "1234567 + number",
    SlotKind.MIN: "1000 + number",
    SlotKind.MAX: "9000 + number",
    SlotKind.SET: "['user-1', 'user-2', 'user-3']",
}


class Groups:
    """The groups of any stretch of time: `keys` of them a window, one where a metric has no keys."""

    def __init__(self, spec: StreamSpec, keys: int) -> None:
        self.slots = slot_columns(stream_plans(spec).values())
        self._spec = spec
        self._keys = keys
        self._connection = connect()

    def between(self, start: datetime, end: datetime) -> pa.Table:
        """Groups of windows that end in (start, end]: metric, window_end, key, events and the slots."""
        self._connection.execute("set variable first = $1", [start])
        self._connection.execute("set variable last = $1", [end])
        selects = " union all ".join(self._metric(name) for name in self._spec.metrics)
        return self._connection.sql(selects).to_arrow_table()

    def finished(self, start: datetime, end: datetime) -> pa.Table:
        """The same as they come out of a merge, of one part of batch 0 each."""
        rows = self.between(start, end)
        zeros = pa.array([0] * len(rows), pa.int64())
        rows = rows.append_column("batch_at", rows["window_end"])
        return rows.append_column("part_version", zeros).append_column("revision", zeros)

    def of_batches(self, first: int, last: int, at: datetime) -> pa.Table:
        """Rows of `parts` that the batches [first, last) left: each those of one minute, the last one's before `at`."""
        minute = self.between(at - timedelta(minutes=1), at)
        self._connection.register("minute", minute)
        return self._connection.sql(
            f"""select '{PART_KIND}' as kind, {version_of(1, 0)} + batch as version, minute.*, window_end as batch_at
                from range({first}, {last}) as batches(batch), minute"""
        ).to_arrow_table()

    def _metric(self, name: str) -> str:
        metric = self._spec.metrics[name]
        own = {slot.column for slot in stream_plans(self._spec)[name].slots}
        slots = "".join(
            f", ({_VALUES[slot_kind(slot)] if slot in own else 'null'})::{slot_type(slot)} as {slot}"
            for slot in self.slots
        )
        parts = ", ".join("'key-' || number" for _ in metric.keys)
        slide = f"to_microseconds({metric.slide_ms * 1000})"
        return f"""
          select '{name}' as metric, window_end, to_json([{parts}]::varchar[])::varchar as key,
            7::bigint as events{slots}
          from (select unnest(generate_series(time_bucket({slide}, getvariable('first')) + {slide},
                                              time_bucket({slide}, getvariable('last')), {slide})) as window_end),
               range({self._keys if metric.keys else 1}) as keys(number)"""


def watermark_at(at: datetime) -> int:
    """E in milliseconds when the newest event is at `at`."""
    return round((at - timedelta(minutes=5)).timestamp() * 1000)


def ledger_row(batch: int, at: datetime) -> LedgerRow:
    """A batch of some thousand records that dropped nothing, its watermark some minutes before `at`."""
    watermark_ms = watermark_at(at)
    start, pane = batch * _RECORDS, round(at.timestamp()) * 1_000_000
    partitions = range(_PARTITIONS)
    ranges = tuple(PartitionRange(p, start, start + _RECORDS, _RECORDS, 0, pane, pane + 1) for p in partitions)
    panes = tuple(
        Pane(p, pane - n * 60_000_000, 300, start, start + _RECORDS - 1) for p in partitions for n in range(_PANES)
    )
    return LedgerRow(
        version=version_of(1, batch),
        epoch=1,
        topic="bench",
        topic_id="id",
        batch_at_ms=round(at.timestamp() * 1000),
        late_ms=watermark_ms,
        watermark_ms=watermark_ms,
        fingerprint="bench",
        code="bench",
        settings={},
        ranges=ranges,
        panes=panes,
        pane_ms=60_000,
    )


def append_history(tables: StreamTables, groups: Groups, at: datetime, batches: int) -> int:
    """Commits `batches` batches to `parts`: the older ones packed, the last 50 as they come; returns the next batch."""
    packed = max(0, batches - TIDY_EVERY // 2)
    make_table(tables.parts, part_schema(groups.slots), ["kind"])
    for first in range(0, packed, _PACKED_BATCHES):
        _append_packed(tables, groups, first, min(first + _PACKED_BATCHES, packed), at)
    minute = groups.between(at - timedelta(minutes=1), at)
    for batch in range(packed, batches):
        commit_batch(tables, groups.slots, minute, ledger_row(batch, at))
    return batches


def _append_packed(tables: StreamTables, groups: Groups, first: int, last: int, at: datetime) -> None:
    schema = part_schema(groups.slots)
    rows = [
        {
            "kind": LEDGER_KIND,
            "version": row.version,
            "batch_at": row.batch_at_ms * 1000,
            "late_events": row.late_events,
            "ledger": to_struct(row),
        }
        for row in (ledger_row(batch, at) for batch in range(first, last))
    ]
    both = [groups.of_batches(first, last, at), pa.Table.from_pylist(rows, schema=schema)]
    write_deltalake(
        str(tables.parts),
        pa.concat_tables(both, promote_options="permissive").select(schema.names).cast(schema),
        mode="append",
        partition_by=["kind"],
        commit_properties=stamped(PARTS_WRITER, version_of(1, last - 1)),
    )
