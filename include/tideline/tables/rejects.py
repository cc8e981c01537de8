"""The table `rejects` as drivers write it: what a batch refused stands before its parts, whole and once."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from tideline.tables.delta import Superseded, commit_on_fresh_handle, last_version, open_table, stamped
from tideline.tables.schemas import PARTS_WRITER, REJECTS, REJECTS_WRITER, StreamTables

_OF_BATCH: Final = ("version", "topic")
NONE_REFUSED: Final = pa.schema([field for field in REJECTS if field.name not in _OF_BATCH]).empty_table()


def commit_rejects(tables: StreamTables, topic: str, refused: pa.Table, version: int) -> None:
    """Keeps what the batch `version` refused (partition, offset, timestamp, reason, value), before its parts.

    A batch that was killed in between runs again, perhaps by another quarantine list: then these rows replace the
    first ones. Once its parts are there nothing changes. Superseded when a newer batch or a cut is there.
    """

    def commit(table: DeltaTable) -> None:
        last = table.transaction_version(REJECTS_WRITER)
        runs_again = last == version
        if not len(refused) and not runs_again:
            return
        committed = last_version(tables.parts, PARTS_WRITER)
        newest = max(last or 0, committed or 0)
        if newest > version:
            raise Superseded(f"rejects: version {version} is behind {newest}")
        if committed != version:
            _write(table, _rows(topic, refused, version), version, runs_again)

    open_table(tables.rejects, REJECTS, [])
    commit_on_fresh_handle(tables.rejects, commit)


def _write(table: DeltaTable, rows: pa.Table, version: int, replace: bool) -> None:
    properties = stamped(REJECTS_WRITER, version)
    if replace:
        own = f"version = {version}"
        write_deltalake(table, rows, mode="overwrite", predicate=own, commit_properties=properties)
    else:
        write_deltalake(table, rows, mode="append", commit_properties=properties)


def _rows(topic: str, refused: pa.Table, version: int) -> pa.Table:
    count = len(refused)
    constant = {
        "version": pa.repeat(pa.scalar(version, pa.int64()), count),
        "topic": pa.repeat(pa.scalar(topic), count),
    }
    columns = [constant[field.name] if field.name in constant else refused[field.name] for field in REJECTS]
    return pa.table([column.cast(field.type) for column, field in zip(columns, REJECTS, strict=True)], schema=REJECTS)


def remove_orphaned_rejects(tables: StreamTables, last: int, cut: int) -> None:
    """Removes, once, the rejects of batches between the versions `last` and `cut`, which are read again.

    The same commit keeps out what a driver of an older generation may be about to write.
    """

    def commit(table: DeltaTable) -> None:
        if (table.transaction_version(REJECTS_WRITER) or 0) < cut:
            write_deltalake(
                table,
                REJECTS.empty_table(),
                mode="overwrite",
                predicate=f"version > {last} and version < {cut}",
                commit_properties=stamped(REJECTS_WRITER, cut),
            )

    open_table(tables.rejects, REJECTS, [])
    commit_on_fresh_handle(tables.rejects, commit)
