"""Commits to Delta tables that an older writer cannot win.

delta-rs alone accepts a lower transaction version, so each commit reads the table's last version and commits on the
very same handle: any commit in between makes it fail, and it looks again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

_TRIES = 50


class Superseded(Exception):
    """A newer batch has been committed: this writer's time is over."""


def open_table(path: Path, schema: pa.Schema, partition_by: list[str]) -> DeltaTable:
    """The table at `path`, made empty if it is not there."""
    if not DeltaTable.is_deltatable(str(path)):
        path.mkdir(parents=True, exist_ok=True)
        try:
            write_deltalake(str(path), schema.empty_table(), mode="error", partition_by=partition_by)
        except DeltaError:  # another writer made it first
            if not DeltaTable.is_deltatable(str(path)):
                raise
    return DeltaTable(str(path))


def exists(path: Path) -> bool:
    return DeltaTable.is_deltatable(str(path))


def last_version(path: Path, writer: str) -> int | None:
    """The newest version that `writer` committed, None before its first."""
    return DeltaTable(str(path)).transaction_version(writer) if exists(path) else None


def stamped(writer: str, version: int) -> CommitProperties:
    """Commit properties that record `version` as the writer's last, and never retry behind our back."""
    return CommitProperties(app_transactions=[Transaction(app_id=writer, version=version)], max_commit_retries=0)


def commit_on_fresh_handle(path: Path, commit: Callable[[DeltaTable], bool]) -> bool:
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

    open_table(path, rows.schema, partition_by)
    return commit_on_fresh_handle(path, commit)


def stamp(path: Path, writer: str, version: int) -> None:
    """Records `version` as the writer's last, unless it recorded a greater one: a commit without rows."""

    def commit(table: DeltaTable) -> bool:
        if (table.transaction_version(writer) or 0) < version:
            empty = table.schema().to_arrow()
            write_deltalake(
                table,
                pa.schema(empty).empty_table(),
                mode="append",
                commit_properties=stamped(writer, version),
            )
        return True

    commit_on_fresh_handle(path, commit)
