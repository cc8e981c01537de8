from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from tideline.tables.delta import Superseded, append_once, commit_on_fresh_handle, last_version, stamped

ROW = pa.table({"n": pa.array([1], pa.int64())})


def rows(path: Path) -> int:
    return len(DeltaTable(str(path)).to_pyarrow_table())


def test_delta_rs_alone_accepts_an_older_version(tmp_path: Path) -> None:
    """The fact that the guard exists for."""
    write_deltalake(str(tmp_path), ROW, commit_properties=stamped("w", 5))
    write_deltalake(str(tmp_path), ROW, mode="append", commit_properties=stamped("w", 4))
    assert last_version(tmp_path, "w") == 4


def test_a_version_is_appended_once(tmp_path: Path) -> None:
    assert append_once(tmp_path / "t", ROW, "w", 5, []) is True
    assert append_once(tmp_path / "t", ROW, "w", 5, []) is False
    assert rows(tmp_path / "t") == 1


def test_an_older_version_is_refused(tmp_path: Path) -> None:
    append_once(tmp_path / "t", ROW, "w", 5, [])
    with pytest.raises(Superseded, match="version 4 is behind 5"):
        append_once(tmp_path / "t", ROW, "w", 4, [])
    assert rows(tmp_path / "t") == 1


def test_an_older_generations_batch_is_refused_though_its_id_is_greater(tmp_path: Path) -> None:
    append_once(tmp_path / "t", ROW, "w", 2 << 32, [])
    with pytest.raises(Superseded):
        append_once(tmp_path / "t", ROW, "w", (1 << 32) + 99, [])


def test_a_commit_in_between_makes_the_writer_look_again(tmp_path: Path) -> None:
    path = tmp_path / "t"
    append_once(path, ROW, "w", 1, [])
    seen: list[int | None] = []

    def commit(table: DeltaTable) -> bool:
        seen.append(table.transaction_version("w"))
        if len(seen) == 1:
            append_once(path, ROW, "w", 2, [])
        write_deltalake(table, ROW, mode="append", commit_properties=stamped("w", 3))
        return True

    commit_on_fresh_handle(path, commit)
    assert (seen, rows(path)) == ([1, 2], 3)


def log_files(path: Path, pattern: str) -> list[Path]:
    return sorted((path / "_delta_log").glob(pattern))


def test_who_opens_a_table_reads_few_log_entries(tmp_path: Path) -> None:
    """A checkpoint every 20 commits; older entries go with the next one, and no version is forgotten."""
    path = tmp_path / "t"
    for version in range(1, 46):
        append_once(path, ROW, "w", version, [])
        append_once(path, ROW, "other", 7, [])
    assert len(log_files(path, "*.checkpoint.parquet")) == 2
    for file in log_files(path, "*"):
        os.utime(file, (time.time() - 3600,) * 2)
    for version in range(46, 90):
        append_once(path, ROW, "w", version, [])
    assert len(log_files(path, "*.json")) < 60
    assert (last_version(path, "w"), last_version(path, "other"), rows(path)) == (89, 7, 90)


def test_only_what_prunes_has_statistics(tmp_path: Path) -> None:
    path = tmp_path / "t"
    append_once(path, ROW.append_column("version", pa.array([5])), "w", 1, [])
    actions = pa.table(DeltaTable(str(path)).get_add_actions(flatten=True))
    assert [name for name in actions.column_names if name.startswith("min.")] == ["min.version"]
