"""Reads cuts, ledger and the inputs of published rows back from a stream's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyarrow.dataset import Dataset

from tideline.engine.cells import GROUP
from tideline.engine.slots import slot_columns, stream_plans
from tideline.generations import Cut, Era, cut_from_struct, eras_of, only_era, with_horizon, with_spec
from tideline.lateness import EVERY_WINDOW
from tideline.ledger import Corrected, LedgerRow, from_struct
from tideline.spec.model import StreamSpec
from tideline.tables.corrections import read_dealt_with
from tideline.tables.delta import dataset_of, exists, open_dataset, statistics_of
from tideline.tables.erased import erasures_of, last_of, read_horizon
from tideline.tables.schemas import (
    CUT_KIND,
    LEDGER_KIND,
    PART_KIND,
    TIME,
    StreamTables,
    correction_schema,
    group_schema,
)
from tideline.versions import generation_of

Where: TypeAlias = pc.Expression | None


@dataclass(frozen=True)
class Inputs:
    """What published rows are made from."""

    parts: pa.Table
    corrections: pa.Table
    overrides: pa.Table


def read_cuts(tables: StreamTables) -> list[Cut]:
    """The cuts of all generations, oldest first."""
    rows = _read(tables.parts, pc.field("kind") == CUT_KIND, ["cut"])
    cuts = [] if rows is None else [cut_from_struct(cut) for cut in rows["cut"].to_pylist()]
    return sorted(cuts, key=lambda cut: cut.generation)


def read_eras(tables: StreamTables, spec: StreamSpec) -> tuple[Era, ...]:
    """The eras that the cuts make, and the horizon; before the first cut the given spec owns every window."""
    return with_horizon(with_spec(eras_of(read_cuts(tables)), spec) or only_era(spec), read_horizon(tables))


def read_ledger(tables: StreamTables, after: int = -1, late_only: bool = False) -> list[LedgerRow]:
    """Ledger rows of versions above `after`, oldest first; `late_only` leaves out batches that dropped nothing."""
    return ledger_of(open_dataset(tables.parts), after, late_only) if exists(tables.parts) else []


def ledger_of(parts: Dataset, after: int = -1, late_only: bool = False) -> list[LedgerRow]:
    """The same of one look at `parts`."""
    conditions = [pc.field("kind") == LEDGER_KIND, pc.field("version") > after]
    if late_only:
        conditions.append(pc.field("late_events") > 0)
    return _ledger_rows(parts.to_table(columns=["version", "ledger"], filter=_all(conditions)))


def _ledger_rows(rows: pa.Table) -> list[LedgerRow]:
    return sorted((from_struct(row["version"], row["ledger"]) for row in rows.to_pylist()), key=lambda row: row.version)


def read_versions(tables: StreamTables, after: int = -1) -> list[int]:
    """The versions of the batches in the ledger, ascending."""
    rows = _read(tables.parts, _all([pc.field("kind") == LEDGER_KIND, pc.field("version") > after]), ["version"])
    return [] if rows is None else sorted(rows["version"].to_pylist())


def read_rows(tables: StreamTables, versions: Iterable[int]) -> list[LedgerRow]:
    """The ledger rows of these versions, oldest first."""
    wanted = pa.array(sorted(versions), pa.int64())
    if not len(wanted):
        return []
    rows = _read(
        tables.parts, (pc.field("kind") == LEDGER_KIND) & pc.field("version").isin(wanted), ["version", "ledger"]
    )
    return [] if rows is None else _ledger_rows(rows)


def read_part_versions(tables: StreamTables, after: int, before: int) -> frozenset[int]:
    """The versions between the two, both left out, that have parts."""
    return _versions(tables.parts, (pc.field("kind") == PART_KIND) & _between(after, before))


def corrected_versions(tables: StreamTables, after: int, before: int) -> frozenset[int]:
    """The versions between the two, both left out, that have corrections."""
    return _versions(tables.corrections, _between(after, before))


def _between(after: int, before: int) -> pc.Expression:
    return (pc.field("version") > after) & (pc.field("version") < before)


def _versions(path: Path, where: Where) -> frozenset[int]:
    rows = _read(path, where, ["version"])
    return frozenset() if rows is None else frozenset(pc.unique(rows["version"]).to_pylist())


def read_last_row(tables: StreamTables, up_to: int | None = None) -> LedgerRow | None:
    """The newest ledger row, of versions up to and with `up_to`.

    The files' statistics tell where it is, so that a long ledger costs no more than a short one.
    """
    if not exists(tables.parts):
        return None
    table = DeltaTable(str(tables.parts))
    rows = dataset_of(tables.parts, table, pruned_by=[("kind", "=", LEDGER_KIND)])
    at_least = pc.field("version") >= _ledgered_at_least(table, up_to)
    where = at_least if up_to is None else at_least & (pc.field("version") <= up_to)
    version = pc.max(rows.to_table(columns=["version"], filter=where)["version"]).as_py()
    if version is None:
        return None
    return _ledger_rows(rows.to_table(columns=["version", "ledger"], filter=pc.field("version") == version))[0]


def _ledgered_at_least(table: DeltaTable, up_to: int | None) -> int:
    """A version that has a ledger row, as near to the newest up to `up_to` as the files tell; -1 if they tell none."""
    files = statistics_of(table)
    if "max.version" not in files.column_names:
        return -1
    newest = files.filter(pc.equal(files["partition.kind"], LEDGER_KIND))["max.version"]
    known = newest if up_to is None else newest.filter(pc.less_equal(newest, up_to))
    return max(-1, pc.max(known).as_py() or -1)


def read_parts(tables: StreamTables, spec: StreamSpec, where: Where = None) -> pa.Table:
    """Rows of kind part that satisfy `where` (`group_schema` of the spec)."""
    conditions = [pc.field("kind") == PART_KIND, *([] if where is None else [where])]
    return _conform(_read(tables.parts, _all(conditions)), group_schema(_slots(spec)))


def read_corrections(tables: StreamTables, spec: StreamSpec, where: Where = None) -> pa.Table:
    return _conform(_read(tables.corrections, where), correction_schema(_slots(spec)))


def read_overrides(tables: StreamTables, spec: StreamSpec, where: Where = None) -> pa.Table:
    return _conform(_read(tables.overrides, where), correction_schema(_slots(spec)))


def read_inputs(tables: StreamTables, era: Era, where: Where = None) -> Inputs:
    """The inputs of the era's windows that satisfy `where`; corrections are read last, see `tables.publication`."""
    condition = _all([*_of_era(era), *([] if where is None else [where])])
    return Inputs(
        read_parts(tables, era.spec, condition),
        corrections=read_corrections(tables, era.spec, condition),
        overrides=read_overrides(tables, era.spec, condition),
    )


def last_window_us(tables: StreamTables, era: Era, before: int) -> int:
    """The greatest window end (us) among the era's inputs of versions below `before`: later windows have none."""
    where = _all([*_of_era(era), pc.field("version") < before])
    ends = [
        _greatest_end(tables.parts, where & (pc.field("kind") == PART_KIND), era, before),
        _greatest_end(tables.overrides, where, era, before),
    ]
    return max((end for end in ends if end is not None), default=EVERY_WINDOW.after_us)


def _greatest_end(path: Path, where: pc.Expression, era: Era, before: int) -> int | None:
    """The greatest window end (us) of rows that satisfy `where`: read are only files that may have a greater one than
    those of which the statistics say enough."""
    if not exists(path):
        return None
    table = DeltaTable(str(path))
    known = _end_by_files(statistics_of(table), era, before)
    beyond = where if known is None else where & (pc.field("window_end") > pa.scalar(known, TIME))
    for batch in dataset_of(path, table).scanner(columns=["window_end"], filter=beyond).to_batches():
        end = pc.max(batch["window_end"].cast(pa.int64())).as_py()
        known = end if known is None or (end is not None and end > known) else known
    return known


def _end_by_files(files: pa.Table, era: Era, before: int) -> int | None:
    """The greatest window end (us) of the files all of whose rows are the era's inputs of versions below `before`."""
    if not {"min.version", "max.version", "max.window_end"}.issubset(files.column_names):
        return None
    if "partition.kind" in files.column_names:
        files = files.filter(pc.equal(files["partition.kind"], PART_KIND))
    whole = pc.and_(pc.less(files["max.version"], before), pc.greater_equal(files["min.version"], era.first_version))
    ends = files.filter(whole)["max.window_end"].cast(TIME).cast(pa.int64()).to_pylist()
    return max((end for end in ends if end is not None and era.bounds.hold(end)), default=None)


def read_corrected(tables: StreamTables) -> Corrected:
    """The batches whose dropped pairs are all in `corrections`: one commit holds a whole batch."""
    through = _dealt_with(tables)
    rows = _read(tables.corrections, pc.field("version") > through, ["version"])
    return Corrected(through, frozenset() if rows is None else frozenset(pc.unique(rows["version"]).to_pylist()))


def _dealt_with(tables: StreamTables) -> int:
    """The version up to which planning need not look: what is erased is dealt with, and else what was told; not where
    rows came back that nobody had seen then."""
    told = read_dealt_with(tables)
    if not exists(tables.parts):
        return -1
    parts = open_dataset(tables.parts)
    erased = last_of(erasures_of(parts))
    if told is None or told.version <= erased.last:
        return erased.last
    known = (pc.field("version") > erased.last) & (pc.field("version") <= told.version)
    rows = parts.count_rows(filter=(pc.field("kind") == LEDGER_KIND) & known)
    return told.version if rows + erased.batches == told.rows else erased.last


def read_dropped_groups(tables: StreamTables, eras: Sequence[Era], after: int) -> list[int]:
    """The version of each group that batches above `after` dropped of their own era's windows, once a group."""
    rows = _read(tables.corrections, pc.field("version") > after, ["version", "window_end"])
    if rows is None:
        return []
    ends = rows["window_end"].cast(pa.int64()).to_pylist()
    return [
        version
        for version, end in zip(rows["version"].to_pylist(), ends, strict=True)
        if any(era.ran(generation_of(version)) and era.bounds.hold(end) for era in eras)
    ]


def read_groups(path: Path, after_sequence: int, until_sequence: int | None = None) -> pa.Table | None:
    """The groups (metric, window_end, key) that commits after `after_sequence` brought to corrections or overrides, up
    to and with `until_sequence`."""
    where = pc.field("sequence") > after_sequence
    if until_sequence is not None:
        where &= pc.field("sequence") <= until_sequence
    return _read(path, where, ["metric", "window_end", "key"])


def read_removed(tables: StreamTables, since: int) -> pa.Table:
    """The groups (metric, window_end, key) that overrides pinned at the version `since` or later found no event of."""
    found = _read(tables.overrides, (pc.field("version") >= since) & (pc.field("events") == 0), list(GROUP))
    return group_schema([]).empty_table().select(GROUP) if found is None else found


def _of_era(era: Era) -> list[pc.Expression]:
    conditions = [pc.field("version") >= era.first_version]
    if era.kept.after_us > EVERY_WINDOW.after_us:
        conditions.append(pc.field("window_end") > pa.scalar(era.kept.after_us, TIME))
    if era.bounds.until_us < EVERY_WINDOW.until_us:
        conditions.append(pc.field("window_end") <= pa.scalar(era.bounds.until_us, TIME))
    return conditions


def _slots(spec: StreamSpec) -> list[str]:
    return slot_columns(stream_plans(spec).values())


def _all(conditions: list[pc.Expression]) -> pc.Expression:
    return reduce(and_, conditions)


def _read(path: Path, where: Where, columns: list[str] | None = None) -> pa.Table | None:
    if not exists(path):
        return None
    return open_dataset(path).to_table(columns=columns, filter=where)


def _conform(rows: pa.Table | None, schema: pa.Schema) -> pa.Table:
    """The rows with exactly the columns of `schema`: a slot that the table has not seen yet is null."""
    if rows is None:
        return schema.empty_table()
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
