"""The horizon of a stream's tables, and the record of what was erased.

The horizon (us) is a transaction of the tables whose rows go, or must stay: each of their writers meets it on the very
handle that it commits with. In `parts` it is set first, and no generation begins between the look at the tables that
it was decided by and this commit. What was erased stands in `parts` too, written by the commit that erases it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyarrow.dataset import Dataset

from tideline.errors import Refused
from tideline.horizon import NOTHING_ERASED, Erasure
from tideline.ledger import Books, LedgerRow, from_struct, to_struct
from tideline.tables.delta import (
    commit_on_fresh_handle,
    dataset_of,
    exists,
    last_version,
    no_rows_of,
    open_dataset,
    stamp,
)
from tideline.tables.schemas import ERASED_KIND, LEDGER_KIND, PARTS_WRITER, StreamTables, part_schema
from tideline.times import iso_us
from tideline.versions import version_of

HORIZON: Final = "tideline-horizon"
_ERASED: Final = "tideline-erased"
"""The transaction on `parts` that tells up to which version ledger rows are erased, and counts what was recorded."""
_OVERTAKEN: Final = 15
"""How often a deletion is rebased on what others have appended meanwhile, before it is made anew."""


class HorizonPassed(Refused):
    """A window that is to be written has expired since it was read: look again."""

    def __init__(self, path: Path, until_us: int) -> None:
        super().__init__(
            f"{path.name}: windows that end up to {iso_us(until_us)} have expired: what they were made of is erased",
            "run it again: it leaves them out",
        )


def read_horizon(tables: StreamTables) -> int | None:
    """Up to which end (us) windows have expired; None where none have."""
    return last_version(tables.parts, HORIZON)


def horizon_of(table: DeltaTable) -> int | None:
    """The same as a handle on any of the tables sees it."""
    return table.transaction_version(HORIZON)


def require_kept(path: Path, table: DeltaTable, rows: pa.Table) -> None:
    """HorizonPassed where one of the rows is of a window that has expired, as the handle sees it."""
    until_us = horizon_of(table)
    if until_us is not None and len(rows) and pc.min(rows["window_end"].cast(pa.int64())).as_py() <= until_us:
        raise HorizonPassed(path, until_us)


def move_horizon(tables: StreamTables, until_us: int, newest: int) -> bool:
    """Sets the horizon in `parts`, unless it stands further on; False where a generation after `newest` has begun."""

    def commit(table: DeltaTable) -> bool:
        if (table.transaction_version(PARTS_WRITER) or 0) >= version_of(newest + 1, 0) - 1:
            return False
        known = horizon_of(table)
        if known is None or known < until_us:
            properties = CommitProperties(app_transactions=[Transaction(HORIZON, until_us)], max_commit_retries=0)
            write_deltalake(table, no_rows_of(table), mode="append", commit_properties=properties)
        return True

    return commit_on_fresh_handle(tables.parts, commit)


def stamp_horizon(path: Path, until_us: int) -> None:
    """Sets it in a table that is there, unless it stands further on."""
    if exists(path):
        stamp(path, HORIZON, until_us)


def erasures_of(parts: Dataset) -> list[Erasure]:
    """What was erased, oldest first, by one look at `parts`."""
    columns = ["version", "batch_at", "window_end", "key", "ledger"]
    found = parts.to_table(columns=columns, filter=pc.field("kind") == ERASED_KIND)
    at_us, ends_us = (found[name].cast(pa.int64()).to_pylist() for name in ("batch_at", "window_end"))
    rows_and_times = zip(found.select(["version", "key", "ledger"]).to_pylist(), at_us, ends_us, strict=True)
    erasures = [_erasure(row, at // 1000, until) for row, at, until in rows_and_times]
    return sorted(erasures, key=lambda each: (each.last, each.until_us, each.at_ms))


def read_erasures(tables: StreamTables) -> list[Erasure]:
    """What was erased, oldest first; the last one holds the sums."""
    return erasures_of(open_dataset(tables.parts)) if exists(tables.parts) else []


def read_erased(tables: StreamTables) -> Erasure:
    """The last erasure."""
    return last_of(read_erasures(tables))


def last_of(erasures: Sequence[Erasure]) -> Erasure:
    return erasures[-1] if erasures else NOTHING_ERASED


def _erasure(row: dict[str, Any], at_ms: int, until_us: int) -> Erasure:
    said = json.loads(row["key"])
    boundary = None if row["ledger"] is None else from_struct(row["version"], row["ledger"])
    return Erasure(at_ms, until_us, row["version"], said["batches"], Books(**said["books"]), boundary)


def delete_rows(path: Path, sql: str) -> int:
    """Deletes rows that nobody writes any more, beside writers of others; returns how many."""
    if not exists(path):
        return 0

    def commit(table: DeltaTable) -> int:
        done = table.delete(sql, commit_properties=CommitProperties(max_commit_retries=_OVERTAKEN))
        return int(done["num_deleted_rows"] or 0)

    return commit_on_fresh_handle(path, commit)


def erase_ledger(
    tables: StreamTables, rows: Sequence[LedgerRow], until_us: int, at_ms: int, books_of: Callable[..., Books]
) -> int:
    """Erases these ledger rows, the leading ones that are there, and records their sums in the same commit.

    Returns how many; 0 where another run has erased some of them already. Without rows, only a horizon that has moved
    since the last record is recorded.
    """

    def commit(table: DeltaTable) -> int:
        dataset = dataset_of(tables.parts, table)
        known = erasures_of(dataset)
        before = last_of(known)
        fresh = [row for row in rows if row.version > before.last]
        if (not fresh and before.until_us >= until_us) or len(fresh) < len(rows):
            return 0
        boundary = _bare(fresh[-1]) if fresh else before.boundary
        last = fresh[-1].version if fresh else before.last
        books = before.books + books_of(fresh) if fresh else before.books
        made = Erasure(at_ms, max(until_us, before.until_us), last, before.batches + len(fresh), books, boundary)
        _record(table, [*known, made], last, len(known) + 1)
        return len(fresh)

    return commit_on_fresh_handle(tables.parts, commit)


def _record(table: DeltaTable, erasures: Sequence[Erasure], last: int, number: int) -> None:
    rows = pa.Table.from_pylist([_fields(each) for each in erasures], schema=part_schema([]))
    write_deltalake(
        table,
        rows,
        mode="overwrite",
        predicate=f"kind in ('{ERASED_KIND}', '{LEDGER_KIND}') and version <= {last}",
        schema_mode="merge",
        commit_properties=CommitProperties(
            app_transactions=[Transaction(_ERASED, number)], max_commit_retries=_OVERTAKEN
        ),
    )


def erasure_number(tables: StreamTables) -> int | None:
    """How many erasures are recorded: it changes when ledger rows go."""
    return last_version(tables.parts, _ERASED)


def _fields(erasure: Erasure) -> dict[str, Any]:
    return {
        "kind": ERASED_KIND,
        "version": erasure.last,
        "batch_at": erasure.at_ms * 1000,
        "window_end": erasure.until_us,
        "key": json.dumps({"batches": erasure.batches, "books": asdict(erasure.books)}),
        "ledger": None if erasure.boundary is None else to_struct(erasure.boundary),
    }


def _bare(row: LedgerRow) -> LedgerRow:
    """What a repair of the batch after it needs: where it ended, and its watermarks."""
    return replace(row, panes=(), late_events=0)
