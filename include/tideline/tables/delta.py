"""Commits to Delta tables that an older writer cannot win.

delta-rs alone accepts a lower transaction version, so each commit reads the table's last version and commits on the
very same handle: any commit in between makes it fail, and it looks again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from pyarrow.dataset import Dataset
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

_TRIES = 50
_PRUNED_BY = ("version", "window_start", "window_end", "late_events", "sequence", "part_version")
# Every commit opens its table: what that reads must not grow with the commits made. Statistics of all columns are most
# of a log, entries since the last checkpoint are read one by one, and old ones are listed though nobody reads them.
_SHORT_LOG: Final = {
    "delta.checkpointInterval": "20",
    "delta.logRetentionDuration": "interval 10 minutes",
    "delta.deletedFileRetentionDuration": "interval 10 minutes",
}

Result = TypeVar("Result")


class Superseded(Exception):
    """A newer batch has been committed: this writer's time is over."""


def make_table(path: Path, schema: pa.Schema, partition_by: list[str]) -> None:
    """Makes an empty table at `path` if none is there."""
    if exists(path):
        return
    path.mkdir(parents=True, exist_ok=True)
    pruned = [name for name in schema.names if name in _PRUNED_BY]
    statistics = {"delta.dataSkippingStatsColumns": ",".join(pruned)} if pruned else {}
    try:
        write_deltalake(
            str(path),
            schema.empty_table(),
            mode="error",
            partition_by=partition_by,
            configuration=_SHORT_LOG | statistics,
        )
    except DeltaError:  # another writer made it first
        if not exists(path):
            raise


def open_table(path: Path, schema: pa.Schema, partition_by: list[str]) -> DeltaTable:
    """The table at `path`, made empty if it is not there."""
    make_table(path, schema, partition_by)
    return DeltaTable(str(path))


def open_dataset(path: Path) -> Dataset:
    """The table's rows, to be scanned with predicates."""
    return dataset_of(path, DeltaTable(str(path)))


def dataset_of(path: Path, table: DeltaTable, pruned_by: Any = None) -> Dataset:
    """The rows as a handle sees them; `pruned_by` leaves out files by delta-rs's own predicate.

    Arrow opens the files itself: delta-rs would have its threads call Python, and one that still does so while the
    interpreter ends aborts the process, after all is said, with exit status 134.
    """
    files = SubTreeFileSystem(str(path), LocalFileSystem())
    return table.to_pyarrow_dataset(filesystem=files, file_pruning_predicate=pruned_by)


def no_rows_of(table: DeltaTable) -> pa.Table:
    """No rows, in the table's columns."""
    return pa.schema(table.schema().to_arrow()).empty_table()


def statistics_of(table: DeltaTable) -> pa.Table:
    """A row a file: `partition.<column>`, and `min.<column>` and `max.<column>` of the columns that prune, null where
    a file has none."""
    return pa.table(table.get_add_actions(flatten=True))


def exists(path: Path) -> bool:
    return DeltaTable.is_deltatable(str(path))


def last_version(path: Path, writer: str) -> int | None:
    """The newest version that `writer` committed, None before its first."""
    return DeltaTable(str(path)).transaction_version(writer) if exists(path) else None


def stamped(writer: str, version: int) -> CommitProperties:
    """Commit properties that record `version` as the writer's last, and never retry behind our back."""
    return CommitProperties(app_transactions=[Transaction(app_id=writer, version=version)], max_commit_retries=0)


def commit_on_fresh_handle(path: Path, commit: Callable[[DeltaTable], Result]) -> Result:
    """Runs `commit` on a new handle until nobody committed in between; returns what it returned."""
    for _ in range(_TRIES - 1):
        try:
            return commit(DeltaTable(str(path)))
        except CommitFailedError:
            continue
    return commit(DeltaTable(str(path)))


def append_once(path: Path, rows: pa.Table, writer: str, version: int, partition_by: list[str]) -> bool:
    """Appends `rows` as the writer's commit `version`: False if that version is there already.

    Raises Superseded when a greater version is.
    """

    def commit(table: DeltaTable) -> bool:
        last = table.transaction_version(writer)
        if last is not None and last >= version:
            if last > version:
                raise Superseded(f"{path.name}: version {version} is behind {last}, the last of {writer}")
            return False
        write_deltalake(
            table,
            rows,
            mode="append",
            schema_mode="merge",
            partition_by=partition_by,
            commit_properties=stamped(writer, version),
        )
        return True

    make_table(path, rows.schema, partition_by)
    return commit_on_fresh_handle(path, commit)


def stamp(path: Path, writer: str, version: int) -> None:
    """Records `version` as the writer's last, unless it recorded a greater one: a commit without rows."""

    def commit(table: DeltaTable) -> bool:
        if (table.transaction_version(writer) or 0) < version:
            write_deltalake(
                table,
                no_rows_of(table),
                mode="append",
                commit_properties=stamped(writer, version),
            )
        return True

    commit_on_fresh_handle(path, commit)
