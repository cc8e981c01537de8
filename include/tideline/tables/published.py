"""Writes published rows: a row replaces another only when it is made from newer inputs."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from tideline.engine.cells import connect
from tideline.tables.delta import commit_on_fresh_handle, exists, open_table, stamped
from tideline.tables.schemas import PUBLISHED_WRITER, StreamTables

PARTITION_BY: Final = ["day"]
_NO_WINDOWS: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True)
class Written:
    """Rows inserted, replaced, closed or removed; and the groups (window_end, key) that must be computed again from
    all their inputs, since their row there is ahead in one input and behind in another."""

    changed: int
    behind: pa.Table


def write_published(
    path: Path,
    rows: pa.Table,
    version: int | None = None,
    *,
    gone: pa.Table | None = None,
    closing: Set[int] = _NO_WINDOWS,
    window_ms: int = 0,
    force: bool = False,
) -> Written:
    """Replaces rows by newer ones, removes those that are `gone`, and closes the windows that end at `closing` (us).

    The driver gives its batch's `version`, which the table remembers as published; other writers give none. `force`
    replaces whatever is there. A window once closed stays closed.
    """
    gone = rows.slice(0, 0) if gone is None else gone
    days = {*_days(rows), *_days(gone), *(_day(end - window_ms * 1000) for end in closing)}
    written = Written(0, rows.select(["window_end", "key"]).slice(0, 0))
    if not days:
        return written

    def commit(table: DeltaTable) -> bool:
        nonlocal written
        there = table.to_pyarrow_dataset().to_table(filter=pc.field("day").isin(sorted(days)))
        result, written = _decide(there, rows, gone, closing, force)
        if written.changed:
            last = table.transaction_version(PUBLISHED_WRITER) or 0
            listed = ", ".join(f"'{day}'" for day in sorted(days))
            write_deltalake(
                table,
                result,
                mode="overwrite",
                schema_mode="merge",
                predicate=f"day in ({listed})",
                commit_properties=stamped(PUBLISHED_WRITER, max(last, version or 0)),
            )
        return True

    open_table(path, rows.schema, PARTITION_BY)
    commit_on_fresh_handle(path, commit)
    return written


def _days(rows: pa.Table) -> list[str]:
    return list(pc.unique(rows["day"]).to_pylist())


def _day(start_us: int) -> str:
    return datetime.fromtimestamp(start_us // 1_000_000, UTC).strftime("%Y-%m-%d")


# A row there is told apart from a newer one by what both were made from; `goes` marks a group that has no event left.
_DECIDED: Final = """
create temp table decided as
select s.window_start, s.key, s.window_end, s.goes, t.key is null as is_new, t.is_open as was_open,
  s.part_version >= t.part_version and s.revision >= t.revision as is_ahead,
  s.part_version > t.part_version or s.revision > t.revision or (t.is_open and not s.is_open) as differs,
  t.key is null or $force or (is_ahead and differs) as wins,
  not wins and differs and (s.part_version > t.part_version or s.revision > t.revision) as behind
from written s left join there t using (window_start, key)"""
_RESULT: Final = """
select * exclude (goes) replace (is_open and coalesce(was_open, true) as is_open)
from written join (select window_start, key, was_open from decided where wins) using (window_start, key) where not goes
union all by name
select * replace (is_open and not list_contains($closing, epoch_us(window_end)) as is_open), null as was_open
from there anti join (from decided where wins) using (window_start, key)"""
_CHANGED: Final = """
select (select count(*) from decided where wins and not (goes and is_new))
  + (select count(*) from there anti join (from decided where wins) using (window_start, key)
     where is_open and list_contains($closing, epoch_us(window_end)))"""


def _decide(
    there: pa.Table, rows: pa.Table, gone: pa.Table, closing: Set[int], force: bool
) -> tuple[pa.Table, Written]:
    """The rows that the touched days should hold, and what that changes."""
    connection = connect()
    marked = [table.append_column("goes", pa.repeat(goes, len(table))) for table, goes in ((rows, False), (gone, True))]
    connection.register("written", pa.concat_tables(marked))
    connection.register("there", there)
    connection.execute(_DECIDED, {"force": force})
    changed = connection.execute(_CHANGED, {"closing": list(closing)}).fetchall()[0][0]
    behind = connection.sql("select window_end, key from decided where behind").to_arrow_table()
    result: pa.Table = connection.sql(_RESULT, params={"closing": list(closing)}).to_arrow_table()
    fields = {field.name: field for field in [*there.schema, *rows.schema]}
    schema = pa.schema(fields.values())
    return result.select(schema.names).cast(schema), Written(int(changed), behind)


def clear_published(path: Path, after_us: int) -> None:
    """Removes the windows that end after `after_us`: another spec owns them now."""
    if not exists(path):
        return
    rows = DeltaTable(str(path)).to_pyarrow_dataset().to_table(filter=_ends_after(after_us))
    if len(rows):
        write_published(path, rows.slice(0, 0), gone=rows, force=True)


def _ends_after(at_us: int) -> pc.Expression:
    return pc.field("window_end") > pa.scalar(at_us, pa.timestamp("us", "UTC"))


def read_published(path: Path, where: pc.Expression | None = None) -> pa.Table | None:
    """The rows of a metric's table; None before the first is published."""
    return DeltaTable(str(path)).to_pyarrow_dataset().to_table(filter=where) if exists(path) else None


def read_all_published(tables: StreamTables, metrics: Iterable[str]) -> dict[str, pa.Table | None]:
    """Every metric's published rows; None where none was published yet."""
    return {name: read_published(tables.published(name)) for name in metrics}
