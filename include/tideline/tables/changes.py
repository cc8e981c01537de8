"""What became of a published table's rows between two looks at it, whoever wrote in between.

Each commit writes the hours it changes anew, so the hours whose files differ hold all that can have changed; there the
rows of the two versions are compared. A version that is no longer kept counts as one without rows: then rows are told
again, as they are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from tideline.engine.cells import connect
from tideline.engine.relations import restrict
from tideline.tables.delta import dataset_of, exists, no_rows_of, statistics_of
from tideline.tables.newer import GROUP
from tideline.tables.published import HOUR, conform, in_hours

log = logging.getLogger(__name__)

_MARGIN_MS: Final = 60_000


@dataclass(frozen=True)
class Seen:
    """A look at a table: which table it was, by its id, and its version, made at this time (ms) or before."""

    table: str
    version: int
    at_ms: int


@dataclass(frozen=True)
class Changes:
    """Rows that are new or other than they were, and the groups (`GROUP`, `is_open` as it was) that are gone."""

    rows: pa.Table
    gone: pa.Table
    seen: Seen


def changes_since(path: Path, seen: Seen | None) -> Changes | None:
    """What is new since a look; without one, every row. None where the table is not there or is as it was."""
    if not exists(path):
        return None
    now = DeltaTable(str(path))
    look = _look(now)
    if seen is None or seen.table != look.table or seen.version > look.version:
        rows = dataset_of(path, now).to_table()
        return Changes(rows, _groups(rows.slice(0, 0)), look)
    if seen.version == look.version:
        return None
    then = _as_then(path, seen)
    hours = _written_since(now, seen) if then is None else _differing(then, now)
    if not hours:
        return Changes(no_rows_of(now), _groups(no_rows_of(now)), look)
    rows = dataset_of(path, now, in_hours(hours)).to_table()
    before = no_rows_of(now) if then is None else _rows_then(path, then, hours, rows.schema)
    return Changes(_others(rows, before), _groups(restrict(before, rows, GROUP, present=False)), look)


def seen_now(path: Path) -> Seen | None:
    """A look that passes over all that is there; None before the table is."""
    return _look(DeltaTable(str(path))) if exists(path) else None


def _look(table: DeltaTable) -> Seen:
    written: list[int] = statistics_of(table)["modification_time"].to_pylist()
    return Seen(str(table.metadata().id), table.version(), max(written, default=0))


def _as_then(path: Path, seen: Seen) -> DeltaTable | None:
    """The version that was looked at; None once its log entries are cleaned away."""
    try:
        return DeltaTable(str(path), version=seen.version)
    except DeltaError as error:
        log.info("%s: version %d is no longer there (%s): rows written since are told again", path, seen.version, error)
        return None


def _differing(then: DeltaTable, now: DeltaTable) -> set[str]:
    """The hours that do not consist of the same files."""
    files = [
        {(row["path"], row[f"partition.{HOUR}"]) for row in statistics_of(each).to_pylist()} for each in (then, now)
    ]
    return {hour for _, hour in files[0] ^ files[1]}


def _written_since(now: DeltaTable, seen: Seen) -> set[str]:
    """The hours with a file that is not surely older than the look."""
    files = statistics_of(now)
    later = pc.greater_equal(files["modification_time"], seen.at_ms - _MARGIN_MS)
    return set(files.filter(later)[f"partition.{HOUR}"].to_pylist())


def _rows_then(path: Path, then: DeltaTable, hours: set[str], schema: pa.Schema) -> pa.Table:
    try:
        return conform(dataset_of(path, then, in_hours(hours)).to_table(), schema)
    except FileNotFoundError:  # vacuumed since
        return schema.empty_table()


def _others(rows: pa.Table, before: pa.Table) -> pa.Table:
    if not len(before) or not len(rows):
        return rows
    connection = connect()
    connection.register("rows", rows)
    connection.register("before", before)
    other: pa.Table = connection.sql("select * from rows except select * from before").to_arrow_table()
    return other.cast(rows.schema)


def _groups(rows: pa.Table) -> pa.Table:
    return rows.select([*GROUP, "is_open"])
