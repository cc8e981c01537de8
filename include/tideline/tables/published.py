"""Writes published rows: a row replaces another only when it is made from newer inputs.

A table is partitioned by the hour its windows begin in, and each commit writes the hours it changes anew: what it costs
follows the rows of those hours, not the days that the table holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from tideline.engine.publish import published_schema
from tideline.engine.relations import within
from tideline.errors import UserError
from tideline.generations import Era
from tideline.lateness import EVERY_WINDOW, Bounds
from tideline.spec.model import StreamSpec
from tideline.tables.delta import (
    Superseded,
    commit_on_fresh_handle,
    dataset_of,
    exists,
    make_table,
    no_rows_of,
    open_dataset,
    stamped,
)
from tideline.tables.erased import horizon_of
from tideline.tables.newer import SEEN, Decision, decide
from tideline.tables.schemas import PUBLISHED_WRITER, TIME, StreamTables
from tideline.versions import version_of


class ColumnChanged(UserError):
    """A spec makes a published column another type than the table has."""


HOUR: Final = "hour"


def hour_of(start_us: int) -> str:
    """The partition of a window by its start (us), as the publisher's SQL writes it; strftime would not pad years."""
    return datetime.fromtimestamp(start_us // 1_000_000, UTC).isoformat()[:13].replace("T", "-")


@dataclass(frozen=True)
class Closing:
    """The windows of one metric that a batch closes, by their ends (us), and their length (ms)."""

    ends_us: frozenset[int]
    window_ms: int

    def hours(self) -> set[str]:
        """The hours in which the windows begin."""
        return {hour_of(end - self.window_ms * 1000) for end in self.ends_us}

    def after(self, horizon_us: int) -> Closing:
        """Those that have not expired."""
        return replace(self, ends_us=frozenset(end for end in self.ends_us if end > horizon_us))


NOTHING_CLOSES: Final = Closing(frozenset(), 0)


@dataclass(frozen=True)
class Claim:
    """What a writer knows of the generations: rows of windows that end after `after_us` (us) and are made from inputs
    older than `first_version` are another spec's, and stale; from the version `until` on a generation writes of which
    it does not know, and whose rows it must not touch."""

    after_us: int
    first_version: int
    until: int

    @classmethod
    def of(cls, era: Era, eras: Sequence[Era]) -> Claim:
        """Of a writer who knows these eras, on the windows of one of them."""
        return cls(era.bounds.after_us, era.first_version, version_of(eras[-1].last + 1, 0) - 1)

    def stale(self, rows: pa.Table) -> pa.ChunkedArray:
        """A flag a published row."""
        ends_later = pc.greater(rows["window_end"].cast(pa.int64()), self.after_us)
        return pc.and_(ends_later, pc.less(rows["part_version"], self.first_version))

    def after(self, horizon_us: int) -> Claim:
        """What it claims of windows that have not expired."""
        return replace(self, after_us=max(self.after_us, horizon_us))


NO_CLAIM: Final = Claim(EVERY_WINDOW.after_us, 0, 1 << 62)


@dataclass(frozen=True)
class Published:
    """Groups inserted, replaced or removed; and those that wait to be computed again from all inputs there are.

    `undecided` (columns `SEEN`) tells the published rows that are behind in one thing and ahead in another.
    """

    changed: int
    undecided: pa.Table


@dataclass(frozen=True)
class _Offer:
    """What a writer wants of a table: rows, rows of groups that vanish, windows that close, and by which claim."""

    rows: pa.Table
    gone: pa.Table
    closing: Closing
    claim: Claim

    @property
    def hours(self) -> set[str]:
        return _hours(self.rows, self.gone) | self.closing.hours()

    def after(self, horizon_us: int | None) -> _Offer:
        """The same of windows that have not expired: what the others were made of is gone, so their rows stay."""
        if horizon_us is None:
            return self
        kept = Bounds(horizon_us, EVERY_WINDOW.until_us)
        rows, gone = within(self.rows, kept), within(self.gone, kept)
        return _Offer(rows, gone, self.closing.after(horizon_us), self.claim.after(horizon_us))


def write_published(
    path: Path,
    rows: pa.Table,
    version: int | None = None,
    *,
    gone: pa.Table | None = None,
    closing: Closing = NOTHING_CLOSES,
    claim: Claim = NO_CLAIM,
    wrong: pa.Table | None = None,
) -> Published:
    """Offers rows to a metric's table, in one commit, and in none if nothing changes.

    The groups of `gone` (rows of the same columns) vanish by the same rule, and windows of `closing` are closed. What
    is stale by the `claim`, or is still as `wrong` (columns `SEEN`) tells, gives way to anything. The driver gives its
    batch's `version`, which the table remembers as published unless a group is undecided; other writers give none. Rows
    of windows that have expired stay as they are.
    Superseded if a generation that the claim does not know has written; UserError if a column's type would change.
    """
    gone = rows.slice(0, 0) if gone is None else gone
    nothing = Published(0, rows.slice(0, 0).select(SEEN))
    if not len(rows) and ((not len(gone) and not closing.ends_us) or not exists(path)):
        return nothing

    def commit(table: DeltaTable) -> Published:
        last = _last_published(table, path, claim)
        schema = _united(path.name, _schema(table), rows.schema)
        offer = _Offer(rows, gone, closing, claim).after(horizon_of(table))
        if not offer.hours:
            return nothing
        old = conform(dataset_of(path, table, in_hours(offer.hours)).to_table(), schema)
        decision = decide(
            old,
            conform(offer.rows, schema),
            conform(offer.gone, schema),
            closing=offer.closing.ends_us,
            stale=offer.claim.stale(old),
            clear=last >= claim.first_version,  # then they were cleared: a writer who did not know left them
            wrong=wrong,
        )
        if decision.changed:
            _overwrite(table, decision, last if len(decision.undecided) else max(last, version or 0))
        return Published(decision.changed, decision.undecided)

    make_table(path, rows.schema, [HOUR])
    return commit_on_fresh_handle(path, commit)


def _last_published(table: DeltaTable, path: Path, claim: Claim) -> int:
    last = table.transaction_version(PUBLISHED_WRITER) or 0
    if last >= claim.until:
        raise Superseded(f"{path.name}: version {last} is of a generation that this writer does not know")
    return last


def clear_stale(path: Path, known: Claim, version: int) -> int:
    """Removes every stale row, and keeps writers out who do not know the generation whose cut has this version.

    Returns the rows removed; what was written from newer inputs stays, so that it may be done at any time. So do rows
    of windows that have expired.
    """

    def commit(table: DeltaTable) -> int:
        last = _last_published(table, path, known)
        horizon = horizon_of(table)
        claim = known if horizon is None else known.after(horizon)
        ends_later = pc.field("window_end") > pa.scalar(claim.after_us, TIME)
        found = dataset_of(path, table).to_table(
            columns=[HOUR], filter=ends_later & (pc.field("part_version") < claim.first_version)
        )
        if not len(found) and last >= version:
            return 0
        old = dataset_of(path, table, in_hours(_hours(found))).to_table() if len(found) else no_rows_of(table)
        none = old.slice(0, 0)
        _overwrite(table, decide(old, none, none, stale=claim.stale(old), clear=True), max(last, version))
        return len(found)

    return commit_on_fresh_handle(path, commit) if exists(path) else 0


def require_same_types(tables: StreamTables, spec: StreamSpec) -> None:
    """UserError if a column of a published table would change its type under this spec."""
    for name in spec.metrics:
        path = tables.published(name)
        if exists(path):
            _united(name, _schema(_readable(path)), published_schema(spec, name))


def _readable(path: Path) -> DeltaTable:
    try:
        return DeltaTable(str(path))
    except (DeltaError, OSError) as error:
        told = str(error).splitlines()[0]
        raise UserError(f"the table {path} cannot be read: {told}", "mend it, or put it back from a copy") from error


def read_published(path: Path, where: pc.Expression | None = None) -> pa.Table | None:
    """The rows of a metric's table; None before the first is published."""
    return open_dataset(path).to_table(filter=where) if exists(path) else None


def read_all_published(tables: StreamTables, metrics: Iterable[str]) -> dict[str, pa.Table | None]:
    """Every metric's published rows; None where none was published yet."""
    return {name: read_published(tables.published(name)) for name in metrics}


def _overwrite(table: DeltaTable, decision: Decision, version: int) -> None:
    """Writes the changed hours anew, on the handle that was read: a commit in between makes it fail."""
    hours = _hours(decision.removed, decision.taken)
    if not hours:
        write_deltalake(table, no_rows_of(table), mode="append", commit_properties=stamped(PUBLISHED_WRITER, version))
        return
    untouched = decision.kept.filter(pc.is_in(decision.kept[HOUR], value_set=pa.array(sorted(hours))))
    is_wider = len(decision.kept.schema) > len(_schema(table))
    write_deltalake(
        table,
        pa.concat_tables([untouched, decision.taken]),
        mode="overwrite",
        predicate=in_hours(hours),
        schema_mode="merge" if is_wider else None,
        commit_properties=stamped(PUBLISHED_WRITER, version),
    )


def _hours(*tables: pa.Table) -> set[str]:
    return {hour for table in tables for hour in pc.unique(table[HOUR]).to_pylist()}


def in_hours(hours: set[str]) -> str:
    """The predicate of the partitions of these hours."""
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


def conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with the columns of `schema`; those they lack are null."""
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
