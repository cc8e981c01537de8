"""Writes published rows: a row replaces another only when it is made from newer inputs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from tideline.tables.delta import commit_on_fresh_handle, exists, open_table, stamped
from tideline.tables.schemas import PUBLISHED_WRITER, StreamTables

PARTITION_BY = ["day"]
_NEWER = """s.part_version >= t.part_version and s.revision >= t.revision and
  (s.part_version > t.part_version or s.revision > t.revision or (t.is_open and not s.is_open))"""


def write_published(path: Path, rows: pa.Table, version: int | None = None) -> int:
    """Merges rows into a metric's table; returns how many were inserted or replaced.

    The driver gives its batch's `version`, which the table remembers as published; other writers give none.
    """
    if not len(rows):
        return 0
    changed = 0

    def commit(table: DeltaTable) -> bool:
        nonlocal changed
        last = table.transaction_version(PUBLISHED_WRITER) or 0
        days = ", ".join(f"'{day}'" for day in sorted(pc.unique(rows["day"]).to_pylist()))
        result = (
            table.merge(
                rows,
                f"t.day = s.day and t.day in ({days}) and t.window_start = s.window_start and t.key = s.key",
                source_alias="s",
                target_alias="t",
                streamed_exec=False,
                commit_properties=stamped(PUBLISHED_WRITER, max(last, version or 0)),
            )
            .when_matched_update_all(_NEWER)
            .when_not_matched_insert_all()
            .execute()
        )
        changed = int(result["num_target_rows_inserted"]) + int(result["num_target_rows_updated"])
        return True

    open_table(path, rows.schema, PARTITION_BY)
    commit_on_fresh_handle(path, commit)
    return changed


def read_published(path: Path, where: pc.Expression | None = None) -> pa.Table | None:
    """The rows of a metric's table; None before the first is published."""
    return DeltaTable(str(path)).to_pyarrow_dataset().to_table(filter=where) if exists(path) else None


def read_all_published(tables: StreamTables, metrics: Iterable[str]) -> dict[str, pa.Table | None]:
    """Every metric's published rows; None where none was published yet."""
    return {name: read_published(tables.published(name)) for name in metrics}
