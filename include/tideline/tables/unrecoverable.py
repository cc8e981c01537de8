"""The table `unrecoverable`: windows of batches that can never be corrected, and why.

Marks of a batch are committed before its corrections. A run that was killed in between is repeated, and may then mark
more; a mark that is there already is not written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from tideline.engine.relations import restrict
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, exists, open_dataset, open_table, stamped
from tideline.tables.schemas import TIME, StreamTables
from tideline.unrecoverable import GONE, Unrecoverable, standing

WRITER: Final = "tideline-unrecoverable"
SCHEMA: Final = pa.schema(
    [
        ("version", pa.int64()),
        ("metric", pa.string()),
        ("window_end", TIME),
        ("partition", pa.int32()),
        ("pane", TIME),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("events", pa.int64()),
        ("reason", pa.string()),
    ]
)
_OF_WINDOW: Final = ("version", "metric", "window_end")
_SAME: Final = ("version", "metric", "window_end_us", "partition", "pane")


def commit_unrecoverable(tables: StreamTables, marks: Sequence[Unrecoverable]) -> int:
    """Appends the marks that are not there yet, in one commit; returns how many."""
    if not marks:
        return 0
    written = 0

    def commit(table: DeltaTable) -> bool:
        nonlocal written
        known = {_place(mark) for mark in _marks(tables, table, {mark.version for mark in marks})}
        fresh = [mark for mark in marks if _place(mark) not in known]
        written = len(fresh)
        if fresh:
            properties = stamped(WRITER, table.version() + 1)
            write_deltalake(table, _to_rows(fresh), mode="append", schema_mode="merge", commit_properties=properties)
        return True

    open_table(tables.unrecoverable, SCHEMA, [])
    commit_on_fresh_handle(tables.unrecoverable, commit)
    return written


def withhold(corrections: pa.Table, marks: Sequence[Unrecoverable]) -> pa.Table:
    """The corrections without those of marked windows, whatever the key."""
    return restrict(corrections, _to_rows(marks), _OF_WINDOW, present=False)


def withheld(rows: pa.Table, marks: Sequence[Unrecoverable]) -> pa.Table:
    """The other ones."""
    return restrict(rows, _to_rows(marks), _OF_WINDOW)


def read_unrecoverable(tables: StreamTables) -> tuple[Unrecoverable, ...]:
    """The marks that count, in order: those of windows that the same batch corrected after all are left out."""
    if not exists(tables.unrecoverable):
        return ()
    marks = sorted(_marks(tables, DeltaTable(str(tables.unrecoverable))))
    return standing(marks, _corrected_windows(tables, {mark.version for mark in marks}))


def _corrected_windows(tables: StreamTables, versions: set[int]) -> frozenset[tuple[int, str, int]]:
    """(version, metric, window end in us) of the corrections of these batches."""
    if not exists(tables.corrections) or not versions:
        return frozenset()
    dataset = open_dataset(tables.corrections)
    columns = ["version", "metric", "window_end"]
    rows = dataset.to_table(columns, filter=pc.field("version").isin(list(versions))).group_by(columns).aggregate([])
    ends = rows["window_end"].cast(pa.int64()).to_pylist()
    return frozenset(zip(rows["version"].to_pylist(), rows["metric"].to_pylist(), ends, strict=True))


def _marks(tables: StreamTables, table: DeltaTable, versions: set[int] | None = None) -> list[Unrecoverable]:
    where = None if versions is None else pc.field("version").isin(list(versions))
    rows = dataset_of(tables.unrecoverable, table).to_table(filter=where)
    for column in ("window_end", "pane"):
        rows = rows.set_column(rows.schema.get_field_index(column), column, rows[column].cast(pa.int64()))
    return [_mark(row) for row in rows.to_pylist()]


def _mark(row: dict[str, Any]) -> Unrecoverable:
    """An older version of this software wrote no reason."""
    return Unrecoverable(window_end_us=row.pop("window_end"), **{**row, "reason": row.get("reason") or GONE})


def _to_rows(marks: Sequence[Unrecoverable]) -> pa.Table:
    rows: list[dict[str, Any]] = [asdict(mark) for mark in marks]
    return pa.Table.from_pylist([{**row, "window_end": row["window_end_us"]} for row in rows], schema=SCHEMA)


def _place(mark: Unrecoverable) -> tuple[Any, ...]:
    return tuple(getattr(mark, name) for name in _SAME)
