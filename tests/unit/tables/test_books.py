"""What is asked of the books at every start and publication: answered from statistics, and a file or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.generations import only_era
from tideline.lateness import EVERY_WINDOW
from tideline.tables.books import last_window_us, read_last_row
from tideline.tables.compaction import compact
from tideline.versions import version_of

S = 1_000_000


def played(root: Path) -> Player:
    """Batches 0 to 3, each with an event in a window of its own: the greatest is in batch 2."""
    player = Player(root, small_spec())
    for seconds in (5, 25, 75, 65):
        player.play(log_line(seconds), publish=False)
    return player


def forget_files(player: Player, kind: str, up_to: int) -> int:
    """Takes the files of a kind that hold only batches up to this one from the disk; how many."""
    files = pa.table(DeltaTable(str(player.tables.parts)).get_add_actions(flatten=True)).to_pylist()
    old = [file for file in files if file["partition.kind"] == kind and file["max.version"] <= version_of(1, up_to)]
    for file in old:
        (player.tables.parts / file["path"]).unlink()
    return len(old)


def test_the_last_row_is_found_without_a_look_at_those_before(tmp_path: Path) -> None:
    player = played(tmp_path)
    assert forget_files(player, "ledger", 2) == 3
    row = read_last_row(player.tables)
    assert row is not None and row.batch == 3


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(("up_to", "batch"), [(None, 3), (9, 3), (3, 3), (2, 2), (1, 0), (0, 0), (-1, None)])
def test_the_last_row_up_to_a_version_is_found_among_those_that_are_there(
    tmp_path: Path, up_to: int | None, batch: int | None, compacted: bool
) -> None:
    player = played(tmp_path)
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and version = {version_of(1, 1)}")
    if compacted:
        compact(player.tables.parts)
    row = read_last_row(player.tables, up_to=None if up_to is None else version_of(1, 0) + up_to)
    assert (row.batch if row else None) == batch


def test_a_table_without_a_ledger_row_has_no_last_one(tmp_path: Path) -> None:
    player = Player(tmp_path / "begun", small_spec())
    assert read_last_row(player.tables) is None
    DeltaTable(str(player.tables.parts)).delete("kind = 'cut'")
    assert read_last_row(player.tables) is None


def test_the_greatest_window_is_found_without_a_look_at_those_before(tmp_path: Path) -> None:
    player = played(tmp_path)
    assert forget_files(player, "part", 1) == 2
    assert last_window_us(player.tables, player.eras[0], version_of(2, 0)) == 80 * S


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(("before", "end"), [(4, 80 * S), (3, 80 * S), (2, 30 * S), (0, EVERY_WINDOW.after_us)])
def test_the_greatest_window_is_that_of_the_versions_below(
    tmp_path: Path, before: int, end: Any, compacted: bool
) -> None:
    player = played(tmp_path)
    if compacted:
        compact(player.tables.parts)
    assert last_window_us(player.tables, only_era(player.spec)[0], version_of(1, before)) == end


def test_the_greatest_window_is_one_of_the_era(tmp_path: Path) -> None:
    first = played(tmp_path)
    changed = small_spec(counts={"window": "10 seconds", "keys": [], "measures": {"request_count": "count"}})
    second = Player(tmp_path, changed, 2, log=first.log)
    assert [era.bounds.until_us // S for era in second.eras[:1]] == [65]
    ends = [last_window_us(second.tables, era, version_of(2, 0)) for era in second.eras]
    assert ends == [30 * S, 80 * S]
