"""What the driver commits to `parts`: a generation's cut, then each micro-batch's groups with its ledger row."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from tideline.generations import Cut, cut_to_struct
from tideline.ledger import LedgerRow, to_struct
from tideline.tables.delta import append_once, commit_on_fresh_handle, dataset_of, open_table, stamped
from tideline.tables.rejects import NONE_REFUSED, commit_rejects
from tideline.tables.schemas import (
    CUT_KIND,
    LEDGER_KIND,
    PART_KIND,
    PARTS_WRITER,
    TIME,
    StreamTables,
    group_schema,
    part_schema,
)

_PARTITION_BY = ["kind"]


def commit_batch(
    tables: StreamTables, slots: list[str], groups: pa.Table, row: LedgerRow, refused: pa.Table = NONE_REFUSED
) -> bool:
    """Commits what was refused; then groups (metric, window_end, key, events and the slots) and ledger row together.

    So a batch in the ledger has its rejects. False if it is committed already; Superseded if a newer one is.
    """
    commit_rejects(tables, row.topic, refused, row.version)
    schema = part_schema(slots)
    parts = group_rows(slots, groups, row.version, row.batch_at_ms)
    kind = pa.repeat(pa.scalar(PART_KIND), len(parts))
    rows = [parts.append_column("kind", kind), pa.Table.from_pylist([_ledger_fields(row)], schema=schema)]
    table = pa.concat_tables(rows, promote_options="default").select(schema.names)
    return append_once(tables.parts, table, PARTS_WRITER, row.version, _PARTITION_BY)


def add_ledger_rows(tables: StreamTables, rows: list[LedgerRow], known: frozenset[int], cut: int = -1) -> bool:
    """Adds rows that are missing, in one commit that leaves the driver's last version as it is.

    `known` are the versions that had rows when the missing ones were found, `cut` that of the newest cut: if others
    have appeared since, nothing is added, the answer is False, and the caller looks again.
    """
    schema = part_schema([])
    missing = pa.Table.from_pylist([_ledger_fields(row) for row in rows], schema=schema)

    def commit(table: DeltaTable) -> bool:
        dataset = dataset_of(tables.parts, table, pruned_by=[("kind", "=", LEDGER_KIND)])
        if not known.issuperset(dataset.to_table(columns=["version"])["version"].to_pylist()):
            return False
        if _newest(tables, table, CUT_KIND) > cut:  # its generation reads the records of the missing rows again
            return False
        properties = stamped(PARTS_WRITER, table.transaction_version(PARTS_WRITER) or 0)
        write_deltalake(table, missing, mode="append", schema_mode="merge", commit_properties=properties)
        return True

    return commit_on_fresh_handle(tables.parts, commit)


def commit_cut(tables: StreamTables, cut: Cut, after: int | None, ledgered: int = -1) -> bool:
    """Commits the cut of a new generation, which keeps older drivers out.

    `after` is the driver's last version and `ledgered` that of the last ledger row (-1 for none) that it was made from.
    False when something was committed in between, a lost row that came back too: the cut must be made again.
    """
    schema = part_schema([])
    fields = {"kind": CUT_KIND, "version": cut.version, "batch_at": cut.at_ms * 1000, "cut": cut_to_struct(cut)}
    row = pa.Table.from_pylist([fields], schema=schema)

    def commit(table: DeltaTable) -> bool:
        if table.transaction_version(PARTS_WRITER) != after or _newest(tables, table, LEDGER_KIND) != ledgered:
            return False
        properties = stamped(PARTS_WRITER, cut.version)
        write_deltalake(table, row, mode="append", schema_mode="merge", commit_properties=properties)
        return True

    open_table(tables.parts, schema, _PARTITION_BY)
    return commit_on_fresh_handle(tables.parts, commit)


def _newest(tables: StreamTables, table: DeltaTable, kind: str) -> int:
    """The greatest version among the rows of a kind, as a handle sees them; -1 where there is none."""
    rows = dataset_of(tables.parts, table, pruned_by=[("kind", "=", kind)]).to_table(
        columns=["version"], filter=pc.field("kind") == kind
    )
    newest = pc.max(rows["version"]).as_py()
    return -1 if newest is None else int(newest)


def _ledger_fields(row: LedgerRow) -> dict[str, Any]:
    return {
        "kind": LEDGER_KIND,
        "version": row.version,
        "batch_at": row.batch_at_ms * 1000,
        "late_events": row.late_events,
        "ledger": to_struct(row),
    }


def group_rows(slots: list[str], groups: pa.Table, version: int, at_ms: int) -> pa.Table:
    """Groups as inputs of published rows (`group_schema`), with the batch they come from; a slot they lack is null."""
    count = len(groups)
    constant = {
        "version": pa.repeat(pa.scalar(version, pa.int64()), count),
        "batch_at": pa.repeat(pa.scalar(at_ms * 1000, TIME), count),
    }
    schema = group_schema(slots)
    columns = [
        constant[field.name]
        if field.name in constant
        else groups[field.name].cast(field.type)
        if field.name in groups.column_names
        else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
