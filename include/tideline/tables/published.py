"""Writes published rows: a row replaces another only when it is made from newer inputs.

A table is partitioned by the hour its windows begin in, and each commit writes the hours it changes anew: what it costs
follows the rows of those hours, not the days that the table holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from tideline.engine.publish import published_schema
from tideline.errors import UserError
from tideline.spec.model import StreamSpec
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, exists, make_table, open_dataset, stamped
from tideline.tables.newer import UNDECIDED, Decision, decide
from tideline.tables.schemas import PUBLISHED_WRITER, TIME, StreamTables


class ColumnChanged(UserError):
    """A spec makes a published column another type than the table has."""


HOUR: Final = "hour"


@dataclass(frozen=True)
class Closing:
    """The windows of one metric that a batch closes, by their ends (us), and their length (ms)."""

    ends_us: frozenset[int]
    window_ms: int

    def hours(self) -> set[str]:
        """The hours in which the windows begin."""
        starts = (datetime.fromtimestamp((end - self.window_ms * 1000) // 1_000_000, UTC) for end in self.ends_us)
        return {start.strftime("%Y-%m-%d-%H") for start in starts}


NOTHING_CLOSES: Final = Closing(frozenset(), 0)


@dataclass(frozen=True)
class Published:
    """Groups inserted, replaced or removed; and those that wait to be computed again from all inputs there are.

    `undecided` (window_start, window_end, key) names the groups whose row and whose published row are each ahead.
    """

    changed: int
    undecided: pa.Table


def write_published(
    path: Path,
    rows: pa.Table,
    version: int | None = None,
    *,
    gone: pa.Table | None = None,
    closing: Closing = NOTHING_CLOSES,
    clear_after_us: int | None = None,
    force: bool = False,
) -> Published:
    """Offers rows to a metric's table, in one commit, and in none if nothing changes.

    The groups of `gone` (rows of the same columns) vanish by the same rule, and windows of `closing` are closed. Rows
    with window_end > `clear_after_us` are removed first. `force` ignores the rule. The driver gives its batch's
    `version`, which the table remembers as published unless a group is undecided; other writers give none. UserError
    if a column's type would change.
    """
    gone = rows.slice(0, 0) if gone is None else gone
    nothing = Published(0, rows.slice(0, 0).select(UNDECIDED))
    is_idle = not len(gone) and not closing.ends_us and clear_after_us is None
    if not len(rows) and (is_idle or not exists(path)):
        return nothing

    def commit(table: DeltaTable) -> Published:
        schema = _united(path.name, _schema(table), rows.schema)
        hours = _hours(rows, gone) | closing.hours() | _cleared_hours(path, table, clear_after_us)
        if not hours:
            return nothing
        old = _conform(dataset_of(path, table, _in_hours(hours)).to_table(), schema)
        decision = decide(
            old,
            _conform(rows, schema),
            _conform(gone, schema),
            closing=closing.ends_us,
            clear_after_us=clear_after_us,
            force=force,
        )
        if decision.changed:
            last = table.transaction_version(PUBLISHED_WRITER) or 0
            _overwrite(table, decision, last if len(decision.undecided) else max(last, version or 0))
        return Published(decision.changed, decision.undecided)

    make_table(path, rows.schema, [HOUR])
    return commit_on_fresh_handle(path, commit)


def require_same_types(tables: StreamTables, spec: StreamSpec) -> None:
    """UserError if a column of a published table would change its type under this spec."""
    for name in spec.metrics:
        path = tables.published(name)
        if exists(path):
            _united(name, _schema(DeltaTable(str(path))), published_schema(spec, name))


def clear_published(path: Path, after_us: int) -> None:
    """Removes the windows that end after `after_us`: another spec owns them now."""
    if exists(path):
        write_published(path, _schema(DeltaTable(str(path))).empty_table(), clear_after_us=after_us)


def read_published(path: Path, where: pc.Expression | None = None) -> pa.Table | None:
    """The rows of a metric's table; None before the first is published."""
    return open_dataset(path).to_table(filter=where) if exists(path) else None


def read_all_published(tables: StreamTables, metrics: Iterable[str]) -> dict[str, pa.Table | None]:
    """Every metric's published rows; None where none was published yet."""
    return {name: read_published(tables.published(name)) for name in metrics}


def _overwrite(table: DeltaTable, decision: Decision, version: int) -> None:
    """Writes the changed hours anew, on the handle that was read: a commit in between makes it fail."""
    hours = _hours(decision.removed, decision.taken)
    untouched = decision.kept.filter(pc.is_in(decision.kept[HOUR], value_set=pa.array(sorted(hours))))
    is_wider = len(decision.kept.schema) > len(_schema(table))
    write_deltalake(
        table,
        pa.concat_tables([untouched, decision.taken]),
        mode="overwrite",
        predicate=_in_hours(hours),
        schema_mode="merge" if is_wider else None,
        commit_properties=stamped(PUBLISHED_WRITER, version),
    )


def _hours(*tables: pa.Table) -> set[str]:
    return {hour for table in tables for hour in pc.unique(table[HOUR]).to_pylist()}


def _cleared_hours(path: Path, table: DeltaTable, after: int | None) -> set[str]:
    if after is None:
        return set()
    ends_later = pc.field("window_end") > pa.scalar(after, TIME)
    return _hours(dataset_of(path, table).to_table(columns=[HOUR], filter=ends_later))


def _in_hours(hours: set[str]) -> str:
    return f"{HOUR} in ({', '.join(repr(hour) for hour in sorted(hours))})"


def _schema(table: DeltaTable) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def _united(table: str, there: pa.Schema, wanted: pa.Schema) -> pa.Schema:
    """The table's columns and, after them, those that a changed spec adds."""
    for field in wanted:
        if field.name in there.names and there.field(field.name).type != field.type:
            have = there.field(field.name).type
            raise ColumnChanged(
                f"table '{table}': column '{field.name}' holds {have}, the spec now makes it {field.type}",
                "rename the measure or the metric: a published column keeps its type",
            )
    return pa.schema([*there, *(field for field in wanted if field.name not in there.names)])


def _conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with the columns of `schema`; those they lack are null."""
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
