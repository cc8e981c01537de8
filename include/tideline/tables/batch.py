"""One micro-batch as it is committed: its groups and its ledger row become one append to `parts`."""

from __future__ import annotations

import pyarrow as pa

from tideline.ledger import LedgerRow, to_struct
from tideline.tables.delta import append_once
from tideline.tables.schemas import (
    LEDGER_KIND,
    PART_KIND,
    PARTS_WRITER,
    REJECTS,
    REJECTS_WRITER,
    TIME,
    StreamTables,
    part_schema,
)


def commit_batch(tables: StreamTables, slots: list[str], groups: pa.Table, row: LedgerRow) -> bool:
    """Commits groups (metric, window_end, key, events and the slots) and the ledger row together.

    False if this batch is committed already; Superseded if a newer one is.
    """
    schema = part_schema(slots)
    parts = part_rows(schema, groups, row)
    ledger = pa.Table.from_pylist(
        [
            {
                "kind": LEDGER_KIND,
                "version": row.version,
                "batch_at": row.batch_at_ms * 1000,
                "ledger": to_struct(row),
            }
        ],
        schema=schema,
    )
    return append_once(tables.parts, pa.concat_tables([parts, ledger]), PARTS_WRITER, row.version, ["kind"])


def part_rows(schema: pa.Schema, groups: pa.Table, row: LedgerRow) -> pa.Table:
    """The groups as rows of `parts`."""
    count = len(groups)
    constant = {
        "kind": pa.repeat(pa.scalar(PART_KIND), count),
        "version": pa.repeat(pa.scalar(row.version, pa.int64()), count),
        "batch_at": pa.repeat(pa.scalar(row.batch_at_ms * 1000, TIME), count),
    }
    return pa.table(
        [
            constant[field.name]
            if field.name in constant
            else groups[field.name].cast(field.type)
            if field.name in groups.column_names
            else pa.nulls(count, field.type)
            for field in schema
        ],
        schema=schema,
    )


def commit_rejects(tables: StreamTables, topic: str, rejects: pa.Table, version: int) -> None:
    """Keeps what was refused: topic, partition, offset, reason and bytes."""
    count = len(rejects)
    rows = {name: rejects[name] for name in rejects.column_names}
    rows |= {
        "version": pa.repeat(pa.scalar(version, pa.int64()), count),
        "topic": pa.repeat(pa.scalar(topic), count),
    }
    table = pa.table([rows[field.name].cast(field.type) for field in REJECTS], schema=REJECTS)
    append_once(tables.rejects, table, REJECTS_WRITER, version, [])
