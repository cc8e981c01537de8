from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.tables.books import read_ledger
from tideline.tables.compaction import MANY, TIDY_EVERY, TIERS, compact, file_sizes, target_size, tidy_after, vacuum
from tideline.tables.delta import append_once, commit_on_fresh_handle, last_version, stamped

SMALL, PACKED = 3_000, TIERS[0] // 2
HOUR_S = 3600


def batch(n: int) -> pa.Table:
    return pa.table({"kind": ["ledger", "part"], "n": pa.array([n, n], pa.int64())})


def table_of(path: Path, batches: int) -> Path:
    for n in range(1, batches + 1):
        append_once(path, batch(n), "w", n, ["kind"])
    return path


def numbers(path: Path) -> list[int]:
    return sorted(DeltaTable(str(path)).to_pyarrow_table()["n"].to_pylist())


def twice_each(count: int) -> list[int]:
    return sorted([*range(1, count + 1)] * 2)


@pytest.mark.parametrize(
    ("sizes", "target"),
    [
        ([], None),
        ([SMALL] * (MANY - 1), None),
        ([SMALL] * MANY, TIERS[0]),
        ([PACKED] * (MANY - 1), None),
        ([PACKED] * (MANY - 1) + [SMALL] * MANY, TIERS[0]),
        ([PACKED] * MANY, TIERS[1]),
        ([PACKED] * MANY + [SMALL] * MANY, TIERS[1]),
        ([TIERS[2]] * 10 * MANY, None),
    ],
    ids=["none", "few", "many", "few packed", "few packed, many small", "many packed", "many of both", "all full"],
)
def test_many_files_of_a_tier_become_files_of_the_next(sizes: list[int], target: int | None) -> None:
    assert target_size(sizes) == target


def test_a_table_keeps_its_rows_and_its_writers_version(tmp_path: Path) -> None:
    path = table_of(tmp_path / "t", MANY)
    assert compact(path) == 2 * MANY
    assert [len(sizes) for sizes in file_sizes(DeltaTable(str(path))).values()] == [1, 1]
    assert (numbers(path), last_version(path, "w")) == (twice_each(MANY), MANY)
    assert compact(path) == 0


def test_packed_files_stay_as_they_are(tmp_path: Path) -> None:
    path = table_of(tmp_path / "t", MANY)
    noise = os.urandom(1_100_000).hex()
    packed = pa.table({"kind": ["part"], "n": pa.array([0], pa.int64()), "noise": [noise]})
    write_deltalake(str(path), packed, mode="append", schema_mode="merge")
    before = {uri for uri in DeltaTable(str(path)).file_uris() if Path(uri).stat().st_size >= TIERS[0]}
    assert compact(path) == 2 * MANY
    assert len(before) == 1
    assert before < set(DeltaTable(str(path)).file_uris())


def test_an_append_that_was_overtaken_by_a_compaction_looks_again(tmp_path: Path) -> None:
    path = table_of(tmp_path / "t", MANY)
    tries = 0

    def commit(table: DeltaTable) -> bool:
        nonlocal tries
        tries += 1
        if tries == 1:
            compact(path)
        write_deltalake(table, batch(MANY + 1), mode="append", commit_properties=stamped("w", MANY + 1))
        return True

    commit_on_fresh_handle(path, commit)
    assert (tries, numbers(path)) == (2, twice_each(MANY + 1))


def test_compaction_beside_a_writer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path, last = table_of(tmp_path / "t", MANY), 3 * MANY

    def write() -> None:
        for n in range(MANY + 1, last + 1):
            append_once(path, batch(n), "w", n, ["kind"])

    writer = threading.Thread(target=write)
    writer.start()
    replaced = [compact(path)]
    while writer.is_alive():
        replaced.append(compact(path))
    writer.join()
    assert sum(replaced) >= 2 * MANY
    assert numbers(path) == twice_each(last)


def test_a_real_ledger_reads_the_same_after_the_drivers_tidying(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    rows = [player.play(log_line(n), b"junk") for n in range(MANY)]
    tidy_after(TIDY_EVERY - 2, player.tables, ["counts"])
    assert len(DeltaTable(str(player.tables.parts)).file_uris()) == 2 * MANY + 1  # and the cut
    tidy_after(TIDY_EVERY - 1, player.tables, ["counts"])
    assert len(DeltaTable(str(player.tables.parts)).file_uris()) == 3
    assert read_ledger(player.tables) == rows


def test_nothing_is_tidied_where_nothing_is(tmp_path: Path) -> None:
    assert (compact(tmp_path / "t"), vacuum(tmp_path / "t")) == (0, 0)


def test_who_reads_an_older_snapshot_goes_on_reading(tmp_path: Path) -> None:
    path = table_of(tmp_path / "t", MANY)
    reader = DeltaTable(str(path))
    compact(path)
    assert vacuum(path) == 0
    assert len(reader.to_pyarrow_table()) == 2 * MANY


def test_what_a_killed_writer_left_is_deleted_after_an_hour(tmp_path: Path) -> None:
    path = table_of(tmp_path / "t", 1)
    young, old = path / "kind=part" / "young.parquet", path / "kind=part" / "old.parquet"
    for file, age in ((young, 0), (old, 2 * HOUR_S)):
        file.write_bytes(b"half a file")
        os.utime(file, (time.time() - age,) * 2)
    assert vacuum(path) == 1
    assert (young.exists(), old.exists(), numbers(path)) == (True, False, [1, 1])
