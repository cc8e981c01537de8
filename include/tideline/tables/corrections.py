"""The tables `corrections` and `overrides`: each batch, and each recomputation, is written whole and once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from tideline.clock import now_ms
from tideline.engine.relations import restrict
from tideline.ledger import DealtWith
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, last_version, open_table
from tideline.tables.erased import require_kept
from tideline.tables.schemas import BY_COMMIT, CORRECTIONS_WRITER, OVERRIDES_WRITER, StreamTables

_THROUGH = "tideline-corrected-through"
"""The transaction on `corrections` that tells up to which version every batch is dealt with."""
_ROWS = "tideline-corrected-rows"
"""The one beside it: how many ledger rows there were up to that version."""

_REBUILT = "tideline-rebuilt"
"""The transaction on `overrides` that tells which generation's windows were last rebuilt for its spec."""


def read_dealt_with(tables: StreamTables) -> DealtWith | None:
    """Up to where planning need not look, if the ledger still has as many rows up to there; None at first."""
    version, rows = (last_version(tables.corrections, mark) for mark in (_THROUGH, _ROWS))
    return None if version is None or rows is None else DealtWith(version, rows)


def commit_corrections(
    tables: StreamTables, corrections: pa.Table, through: DealtWith | None = None, clock: Callable[[], int] = now_ms
) -> int:
    """Appends the corrections (`group_schema`) of batches that have none yet, in one commit; returns the rows written.

    `through`: with these, all those batches are dealt with. HorizonPassed where one is of a window that has expired.
    """
    written = 0

    def commit(table: DeltaTable) -> bool:
        nonlocal written
        known = dataset_of(tables.corrections, table).to_table(
            columns=["version"], filter=pc.field("version").isin(pc.unique(corrections["version"]))
        )
        fresh = restrict(corrections, known, ("version",), present=False)
        written = len(fresh)
        require_kept(tables.corrections, table, fresh)
        marks = _moved(table, through)
        if written or marks:
            _append(table, fresh, CORRECTIONS_WRITER, marks, clock)
        return True

    if not len(corrections) and through is None:
        return 0
    _open(tables.corrections, corrections)
    commit_on_fresh_handle(tables.corrections, commit)
    return written


def _moved(table: DeltaTable, through: DealtWith | None) -> dict[str, int]:
    """The marks as they must be written: none where they would go back, or stay."""
    last, rows = (table.transaction_version(mark) for mark in (_THROUGH, _ROWS))
    if through is None or (last is not None and (through.version, through.rows) == (last, rows)):
        return {}
    return {} if last is not None and through.version < last else {_THROUGH: through.version, _ROWS: through.rows}


def rebuilt_generation(tables: StreamTables) -> int:
    """The last generation whose windows were rebuilt; 0 when none was."""
    return last_version(tables.overrides, _REBUILT) or 0


def commit_overrides(
    tables: StreamTables, overrides: pa.Table, rebuilt: int | None = None, clock: Callable[[], int] = now_ms
) -> int:
    """Appends recomputed groups (`group_schema`), and returns how many; the same computed twice is harmless.

    `rebuilt`: the generation they begin. Unless it, or a later one, was rebuilt already: then nothing is written.
    HorizonPassed where one is of a window that has expired.
    """
    if not len(overrides) and rebuilt is None:
        return 0

    def commit(table: DeltaTable) -> int:
        if rebuilt is not None and (table.transaction_version(_REBUILT) or 0) >= rebuilt:
            return 0
        require_kept(tables.overrides, table, overrides)
        _append(table, overrides, OVERRIDES_WRITER, {} if rebuilt is None else {_REBUILT: rebuilt}, clock)
        return len(overrides)

    _open(tables.overrides, overrides)
    return commit_on_fresh_handle(tables.overrides, commit)


def _open(path: Path, rows: pa.Table) -> None:
    open_table(path, pa.schema([*rows.schema, *BY_COMMIT]), [])


def _append(table: DeltaTable, rows: pa.Table, writer: str, marks: dict[str, int], clock: Callable[[], int]) -> None:
    """Appends rows that carry the time, and the version this commit gives the table, by which publishers find them."""
    sequence = table.version() + 1
    added = {"sequence": sequence, "made_at": clock() * 1000}
    bare = rows.drop_columns([name for name in BY_COMMIT.names if name in rows.column_names])
    for field in BY_COMMIT:
        bare = bare.append_column(field, pa.repeat(pa.scalar(added[field.name], field.type), len(rows)))
    transactions = [Transaction(app_id=app, version=version) for app, version in {**marks, writer: sequence}.items()]
    write_deltalake(
        table,
        bare,
        mode="append",
        schema_mode="merge",
        commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=0),
    )
