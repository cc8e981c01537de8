"""Ledger rows lost at the end of a generation: before the next one's cut their records are read again, after it not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from oracle.tables import expected
from support.late_player import counts, differences, log_of, published_tables, reconcile
from support.records import log_line, small_spec
from tideline.backfill import recompute_windows, windows_between
from tideline.begin import Start, begin_generation
from tideline.bench.player import Player
from tideline.gaps import Gap
from tideline.home import Home
from tideline.kafka_io import OffsetsGone
from tideline.late_record import LateRecord
from tideline.ledger import LedgerRow, RowSource
from tideline.offset_ranges import OffsetRanges
from tideline.quarantine import NOTHING, Quarantine
from tideline.reconcile import compute_in_process, reconcile_books
from tideline.reconcile_plan import Interval, ReconcilePlan
from tideline.spec.model import StreamSpec
from tideline.stream_books import StreamBooks, close_gaps
from tideline.stream_ledger import open_ledger
from tideline.tables.batch import add_ledger_rows
from tideline.tables.books import (
    read_corrected,
    read_corrections,
    read_cuts,
    read_ledger,
    read_overrides,
    read_parts,
    read_versions,
)
from tideline.verify import verify_tables
from tideline.versions import version_of

COUNT = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}
CHANGED = {
    "same": small_spec(),
    "keys": small_spec(counts=COUNT | {"keys": ["service", "level"]}),
    "metric": small_spec(other=COUNT),
}


def started(home: Home) -> Player:
    return Player(home.tables("small"), small_spec())


def played(home: Home, closing: bool = True) -> Player:
    """Windows [0, 10) to [30, 40) closed; late events in batches 2 and 3, the last with one late event alone."""
    player = started(home)
    player.play(log_line(5), log_line(15, "b"), log_line(35), closing=closing)
    player.play(log_line(41), closing=closing)
    player.play(log_line(6), log_line(52), log_line(33), closing=closing)
    player.play(log_line(7), closing=closing)
    return player


def next_generation(player: Player, spec: StreamSpec | None = None) -> Player:
    return Player(player.root, spec or player.spec, player.generation + 1, log=player.log)


def lose_rows(player: Player, first: int, generation: int = 1) -> list[LedgerRow]:
    """Deletes a generation's ledger rows from a batch on; what they were."""
    lost = [row for row in read_ledger(player.tables) if row.generation == generation and row.batch >= first]
    between = f"version >= {lost[0].version} and version <= {lost[-1].version}"
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and {between}")
    return lost


def begin_again(home: Home, player: Player) -> list[Gap]:
    """What a driver of the same generation does at its start; the gaps it closed."""
    begin_generation(player.tables, Start(player.generation, player.spec, "id", {0: 0}, 9_000), player.read)
    return close_gaps(home, player.books, "id")


def require_exact(player: Player) -> None:
    reconcile(player)
    report = verify_tables(player.tables, player.spec, player.read)
    assert report.holds, report.as_dict()
    assert reconcile(player) == (0, 0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("reconciled", [False, True], ids=["pending", "reconciled"])
@pytest.mark.parametrize("first_lost", [0, 2, 3])
@pytest.mark.parametrize("spec", CHANGED.values(), ids=CHANGED)
def test_rows_lost_after_the_cut_are_a_gap_and_their_parts_stay(
    home: Home, spec: StreamSpec, first_lost: int, reconciled: bool
) -> None:
    first = played(home)
    if reconciled:
        reconcile(first)
    second = next_generation(first, spec)
    second.play(log_line(36), log_line(53), log_line(8))
    second.play(log_line(90))
    second.play(log_line(9), log_line(95))
    parts = len(read_parts(second.tables, small_spec()))
    lose_rows(second, first_lost)
    assert [(gap.generation, gap.first) for gap in open_ledger(home, spec).gaps] == [(1, first_lost)]
    (gap,) = begin_again(home, second)
    assert len(read_parts(second.tables, small_spec())) == parts
    assert (gap.generation, gap.first) == (1, first_lost)
    assert begin_again(home, second) == [] == open_ledger(home, spec).gaps
    require_exact(second)


def test_rows_lost_after_the_cut_leave_the_tables_of_the_same_spec_as_the_log_says(home: Home) -> None:
    second = next_generation(played(home))
    second.play(log_line(36), log_line(53), log_line(8))
    lose_rows(second, 1)
    begin_again(home, second)
    require_exact(second)
    assert differences(published_tables(second), expected(log_of(second), second.spec)) == []


def test_some_batches_corrected_before_their_rows_were_lost_are_not_corrected_twice(home: Home) -> None:
    first = started(home)
    first.play(log_line(5), log_line(60))
    first.play(log_line(6))
    first.play(log_line(61))
    first.play(log_line(7))
    reconcile(first)
    first.play(log_line(8), log_line(62))
    first.play(log_line(63))
    second = next_generation(first)
    second.play(log_line(70))
    lose_rows(second, 1)
    begin_again(home, second)
    require_exact(second)
    assert differences(published_tables(second), expected(log_of(second), second.spec)) == []


def test_some_batches_corrected_within_a_gap_are_not_corrected_twice(home: Home) -> None:
    player = started(home)
    player.play(log_line(5), log_line(60))
    for late in (6, 7, 8):
        player.play(log_line(late))
        player.play(log_line(61 + late))
        if late == 7:
            reconcile(player)
    lost = f"version > {version_of(1, 1)} and version < {version_of(1, 6)}"
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and {lost}")
    close_gaps(home, player.books, "id")
    require_exact(player)
    assert differences(published_tables(player), expected(log_of(player), player.spec)) == []


def test_the_first_generations_checkpoint_gives_lost_rows_back(home: Home) -> None:
    first = played(home, closing=False)
    rows = read_ledger(first.tables)
    write_checkpoint(home.stream("small").checkpoint(1), rows)
    second = next_generation(first)
    second.play(log_line(8))
    lose_rows(second, 1)
    assert begin_again(home, second) == [Gap(1, 1, 2)]  # of batch 3 nothing is left but its records
    found = [row for row in read_ledger(second.tables) if row.generation == 1]
    assert [row.source for row in found[1:]] == [RowSource.REBUILT] * 3
    assert [(row.ranges, row.panes, row.late_ms) for row in found] == [
        (row.ranges, row.panes, row.late_ms) for row in rows
    ]
    require_exact(second)


def write_checkpoint(folder: Path, rows: list[LedgerRow]) -> None:
    """Offset and initial entries as Spark writes them, and one of a batch that was planned and never committed."""
    (folder / "offsets").mkdir(parents=True)
    (folder / "sources" / "0").mkdir(parents=True)
    (folder / "sources" / "0" / "0").write_bytes(b'\0v1\n{"small":{"0":0}}')
    ends = [(row.watermark_ms, row.ranges[0].end) for row in rows] + [(99_000, 99)]
    for number, (watermark_ms, end) in enumerate(ends):
        metadata = json.dumps({"batchWatermarkMs": watermark_ms, "batchTimestampMs": 5, "conf": {}})
        (folder / "offsets" / str(number)).write_text(f'v1\n{metadata}\n{{"small":{{"0":{end}}}}}')


def test_a_generation_that_lost_all_its_rows_is_a_gap_between_its_cut_and_the_next(home: Home) -> None:
    first = played(home)
    second = next_generation(first)
    second.play(log_line(54), log_line(9))
    second.play(log_line(55))
    third = next_generation(second)
    third.play(log_line(70))
    lose_rows(third, 0, generation=2)
    assert begin_again(home, third) == [Gap(2, 0, 1)]
    require_exact(third)


def test_of_generations_without_rows_only_what_is_not_read_again_is_a_gap(home: Home) -> None:
    first = played(home)
    second = next_generation(first)
    second.play(log_line(54), log_line(9))
    lose_rows(second, 0, generation=2)
    lose_rows(second, 3)
    third = next_generation(second)  # begins where batch 2 ended
    assert read_cuts(third.tables)[-1].starts == {0: 7}
    assert begin_again(home, third) == []
    third.play(*third.log[7:10])
    require_exact(third)


def test_corrections_and_overrides_of_orphans_go_with_their_parts(home: Home) -> None:
    first = played(home)
    first.play(log_line(60))
    reconcile(first)
    recompute_windows(first.books, windows_between(first.eras, first.books.ledger, 30_000_000, 40_000_000))
    log = list(first.log)
    lose_rows(first, 2)
    second = next_generation(first)
    behind = version_of(1, 1)
    for rows in (read_parts, read_corrections, read_overrides):
        assert [
            version for version in rows(second.tables, second.spec)["version"].to_pylist() if version > behind
        ] == []
    second.play(*log[4:])
    second.play(log_line(61))
    require_exact(second)
    assert differences(published_tables(second), expected(log_of(second), second.spec)) == []


def test_overrides_pinned_at_a_cut_stay(home: Home) -> None:
    second = next_generation(played(home), CHANGED["keys"])
    rebuilt = len(read_overrides(second.tables, second.spec))
    second.play(log_line(60))
    lose_rows(second, 0, generation=2)
    third = next_generation(second)
    assert (rebuilt, len(read_overrides(third.tables, third.spec))) == (2, 2)
    third.play(log_line(60))
    require_exact(third)


def test_a_gap_that_kafka_no_longer_holds_is_named_and_stays(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    second = next_generation(played(home))
    second.play(log_line(60))
    lose_rows(second, 2)

    def gone(ranges: OffsetRanges) -> Iterator[pa.Table]:
        raise OffsetsGone("small", ranges)
        yield

    assert close_gaps(home, replace(second.books, read=gone), "id") == []
    assert open_ledger(home, second.spec).gaps == [Gap(1, 2, 2)]
    assert "Gap(generation=1, first=2, last=2)" in caplog.text and "partition 0: 4 to 7" in caplog.text


@pytest.mark.parametrize("reconciled", [False, True], ids=["pending", "reconciled"])
def test_rows_that_came_back_behind_a_reconcilers_back_are_looked_at(home: Home, reconciled: bool) -> None:
    player = played(home)
    if reconciled:
        reconcile(player)
    player.play(log_line(8), log_line(70))
    (lost,) = lose_rows(player, 4)
    player.play(log_line(9), log_line(71))

    def compute(books: StreamBooks, plan: ReconcilePlan, record: LateRecord) -> tuple[int, pa.Table]:
        """Between the plan and its corrections another process writes the row again."""
        assert add_ledger_rows(
            player.tables, [lost], frozenset(read_versions(player.tables)), read_cuts(player.tables)[-1].version
        )
        return compute_in_process(books, plan, record)

    reconcile_books(player.books, compute=compute)
    assert read_corrected(player.tables).through == -1
    require_exact(player)
    assert read_corrected(player.tables).through == version_of(1, 5)


def test_a_partition_that_only_the_lost_row_knew_is_missed(home: Home) -> None:
    player = started(home)
    player.play(log_line(1))
    player.play_partitions({1: [log_line(2), log_line(3)]})
    later = Player(player.root, player.spec, 2, logs=player.logs, log=player.log)
    lose_rows(later, 1)
    assert [(gap.first, gap.last) for gap in begin_again(home, later)] == [(1, 1)]
    require_exact(later)
    assert counts(later) == {(0, "a"): 3}


def test_a_window_before_the_epoch_is_not_corrected_twice(home: Home) -> None:
    player = started(home)
    player.play(log_line(1))
    player.play(log_line(-31), log_line(2))
    player.play(log_line(3))
    player.play(log_line(4))
    reconcile(player)
    between = f"version >= {version_of(1, 1)} and version <= {version_of(1, 2)}"
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and {between}")
    close_gaps(home, player.books, "id")
    assert {row.source for row in read_ledger(player.tables)} == {RowSource.DRIVER, RowSource.INFERRED}
    require_exact(player)
    assert counts(player)[-40, "a"] == 1


@pytest.mark.parametrize("listed_then", [True, False], ids=["taken off since", "listed since"])
def test_a_rebuilt_row_rejects_what_its_batch_rejected(home: Home, listed_then: bool) -> None:
    listed = Quarantine(frozenset({(0, 4)}))
    player = Player(home.tables("small"), small_spec(), quarantine=listed if listed_then else NOTHING)
    for values in ([log_line(1), log_line(100)], [log_line(101)], [log_line(2), log_line(3), log_line(4)], [b"{}"]):
        player.play(*values, closing=False)
    player.quarantine = NOTHING if listed_then else listed
    rows = read_ledger(player.tables)
    write_checkpoint(home.stream("small").checkpoint(1), rows)
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and version = {version_of(1, 2)}")
    close_gaps(home, player.books, "id")
    found = read_ledger(player.tables)
    assert [row.source for row in found] == [RowSource.DRIVER] * 2 + [RowSource.REBUILT, RowSource.DRIVER]
    assert [(row.rejects, row.panes) for row in found] == [(row.rejects, row.panes) for row in rows]
    assert reconcile_books(player.books).late_events == rows[2].late_events == (2 if listed_then else 3)


def test_windows_in_doubt_are_written_once_however_often_they_are_looked_at(home: Home) -> None:
    player = started(home)
    player.play(log_line(5), log_line(25), log_line(45))
    player.play(log_line(70))
    player.play(log_line(26), log_line(46))
    player.play(log_line(71))
    player.play(log_line(72))
    between = f"version >= {version_of(1, 1)} and version <= {version_of(1, 3)}"
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and {between}")
    close_gaps(home, player.books, "id")
    since = Interval(datetime.fromtimestamp(0, UTC))
    assert [reconcile_books(player.books, since).rows_published for _ in range(3)] == [2, 0, 0]
    require_exact(player)
