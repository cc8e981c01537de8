"""Reads parts, ledger and corrections of a stream back from its tables."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from tideline.engine.slots import slot_columns, stream_plans
from tideline.ledger import LedgerRow, from_struct
from tideline.spec.model import StreamSpec
from tideline.tables.delta import exists
from tideline.tables.schemas import LEDGER_KIND, PART_KIND, StreamTables, correction_schema, part_schema


def read_ledger(tables: StreamTables) -> list[LedgerRow]:
    """All ledger rows, oldest first; empty before the first batch."""
    rows = _read(tables.parts, pc.field("kind") == LEDGER_KIND, ["version", "ledger"])
    if rows is None:
        return []
    return sorted((from_struct(row["version"], row["ledger"]) for row in rows.to_pylist()), key=lambda row: row.version)


def read_parts(tables: StreamTables, spec: StreamSpec, where: pc.Expression | None = None) -> pa.Table:
    """Rows of kind part that satisfy `where`, with the columns of `part_schema` but kind and ledger."""
    schema = part_schema(slot_columns(stream_plans(spec).values()))
    schema = pa.schema([field for field in schema if field.name not in ("kind", "ledger")])
    condition = pc.field("kind") == PART_KIND
    return _conform(_read(tables.parts, condition if where is None else condition & where), schema)


def read_corrections(tables: StreamTables, spec: StreamSpec, where: pc.Expression | None = None) -> pa.Table:
    schema = correction_schema(slot_columns(stream_plans(spec).values()))
    return _conform(_read(tables.corrections, where), schema)


def corrected_versions(tables: StreamTables) -> frozenset[int]:
    """The batches whose dropped pairs have all been written to `corrections`: one commit holds a whole batch."""
    rows = _read(tables.corrections, None, ["version"])
    return frozenset(pc.unique(rows["version"]).to_pylist()) if rows is not None else frozenset()


def _read(path: Path, where: pc.Expression | None, columns: list[str] | None = None) -> pa.Table | None:
    if not exists(path):
        return None
    dataset = DeltaTable(str(path)).to_pyarrow_dataset()
    return dataset.to_table(columns=columns, filter=where)


def _conform(rows: pa.Table | None, schema: pa.Schema) -> pa.Table:
    """The rows with exactly the columns of `schema`: a slot that the table has not seen yet is null."""
    if rows is None:
        return schema.empty_table()
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
