"""The table `held`: corrections that the gate held back, each hold in one commit, and who released it.

Rows are only added. A row of kind `hold` says why, rows of kind `correction` are what would have been written, a row
of kind `release` lets them through: what it names is written to `corrections` at once, or by the next reconciliation
where that was cut off.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from pyarrow.dataset import Dataset

from tideline.holds import Hold, Release, hold_numbered
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, exists, open_dataset, open_table, stamped
from tideline.tables.schemas import StreamTables

WRITER: Final = "tideline-held"
CORRECTION_KIND: Final = "correction"
_HOLD, _RELEASE = "hold", "release"
_SAID: Final = pa.schema([("kind", pa.string()), ("hold", pa.int64()), ("said", pa.string())])


def commit_hold(tables: StreamTables, corrections: pa.Table, hold: Hold) -> Hold | None:
    """Keeps the corrections (`group_schema`) of batches that no hold has yet, under the next number.

    Returns the hold as it was kept, None where every batch is held already.
    """

    def commit(table: DeltaTable) -> Hold | None:
        known = _holds(dataset_of(tables.held, table))
        held = pa.array({version for each in known for version in each.versions}, pa.int64())
        fresh = corrections.filter(pc.invert(pc.field("version").isin(held)))
        if not len(fresh):
            return None
        made = replace(
            hold,
            number=max((each.number for each in known), default=0) + 1,
            versions=frozenset(pc.unique(fresh["version"]).to_pylist()),
            corrections=len(fresh),
            events=pc.sum(fresh["events"]).as_py(),
        )
        said = {"at_ms": made.at_ms, "failures": list(made.failures), "page": made.page, "run": made.run}
        _append(table, [_row(_HOLD, made.number, said), _rows(fresh, made.number)])
        return made

    open_table(tables.held, pa.schema([*_SAID, *corrections.schema]), [])
    return commit_on_fresh_handle(tables.held, commit)


def commit_release(tables: StreamTables, stream: str, number: int, release: Release) -> Hold:
    """Notes who releases a hold; UserError when it does not wait for anybody."""

    def commit(table: DeltaTable) -> Hold:
        found = hold_numbered(stream, _holds(dataset_of(tables.held, table)), number)
        _append(table, [_row(_RELEASE, number, {"by": release.by, "at_ms": release.at_ms, "run": release.run})])
        return replace(found, release=release)

    if not exists(tables.held):
        return hold_numbered(stream, (), number)
    return commit_on_fresh_handle(tables.held, commit)


def read_holds(tables: StreamTables) -> tuple[Hold, ...]:
    """All holds there ever were, by number."""
    return tuple(_holds(open_dataset(tables.held))) if exists(tables.held) else ()


def read_released(tables: StreamTables, corrected: Container[int]) -> pa.Table | None:
    """The corrections of released holds whose batches are not `corrected` yet; None when there are none."""
    released = [hold for hold in read_holds(tables) if hold.release is not None]
    wanted = {hold.number for hold in released if any(version not in corrected for version in hold.versions)}
    return read_held(tables, wanted) if wanted else None


def read_held(tables: StreamTables, numbers: set[int]) -> pa.Table:
    """The corrections (`group_schema`) of these holds."""
    of_holds = pc.field("hold").isin(pa.array(sorted(numbers), pa.int64()))
    rows = open_dataset(tables.held).to_table(filter=(pc.field("kind") == CORRECTION_KIND) & of_holds)
    return rows.drop_columns(_SAID.names)


def _holds(dataset: Dataset) -> list[Hold]:
    rows = dataset.to_table(columns=[*_SAID.names, "version", "events"])
    found: dict[int, Hold] = {}
    versions: dict[int, set[int]] = {}
    for row in sorted(rows.to_pylist(), key=lambda row: (row["kind"] != _HOLD, row["hold"])):
        number, said = row["hold"], json.loads(row["said"] or "{}")
        if row["kind"] == _HOLD:
            found[number] = Hold(
                number, said["at_ms"], frozenset(), 0, 0, tuple(said["failures"]), said["page"], said["run"]
            )
        elif row["kind"] == _RELEASE:
            found[number] = replace(found[number], release=Release(**said))
        else:
            versions.setdefault(number, set()).add(row["version"])
            hold = found[number]
            found[number] = replace(hold, corrections=hold.corrections + 1, events=hold.events + row["events"])
    return [replace(hold, versions=frozenset(versions.get(number, ()))) for number, hold in sorted(found.items())]


def _row(kind: str, number: int, said: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{"kind": kind, "hold": number, "said": json.dumps(said)}], schema=_SAID)


def _rows(corrections: pa.Table, number: int) -> pa.Table:
    count = len(corrections)
    named = {"kind": pa.repeat(CORRECTION_KIND, count), "hold": pa.repeat(pa.scalar(number, pa.int64()), count)}
    for name, column in named.items():
        corrections = corrections.append_column(name, column)
    return corrections


def _append(table: DeltaTable, rows: list[pa.Table]) -> None:
    write_deltalake(
        table,
        pa.concat_tables(rows, promote_options="default"),
        mode="append",
        schema_mode="merge",
        commit_properties=stamped(WRITER, table.version() + 1),
    )
