"""Cases 20 and 22 on the pure rule: what Kafka no longer has, and what it will not have for long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.ledger import LedgerRow, Pane
from tideline.offset_ranges import OffsetRanges
from tideline.reconcile import ALL, plan_tables, reconcile_books
from tideline.reconcile_plan import ReconcilePlan
from tideline.retention import Level, PartitionLog, TopicRetention, Verdict, judge, needed_ranges, next_offsets
from tideline.retention_guard import Guard
from tideline.tables.books import read_corrections, read_ledger
from tideline.tables.unrecoverable import commit_unrecoverable, read_unrecoverable
from tideline.unchecked import countable, unchecked
from tideline.unrecoverable import (
    Unrecoverable,
    holding_windows,
    lost_windows,
    split,
    standing,
    unrecoverable_events,
    unrecoverable_pairs,
    without_more,
)
from tideline.versions import batch_of

DAY = 86_400_000
S = 1_000_000
WEEK = TopicRetention(7 * DAY, None, "CreateTime")


def late_player(root: Path) -> Player:
    """Batch 2 drops three events of [0, 10) at offsets 3, 4 and 6; batch 3 one of [10, 20) at 8, of [0, 10) at 9."""
    player = Player(root, small_spec())
    player.play(log_line(5), log_line(15))
    player.play(log_line(45))
    player.play(log_line(6), log_line(7), log_line(50), log_line(6, "b"), b"junk")
    player.play(log_line(16), log_line(3))
    return player


def sliding_player(root: Path) -> Player:
    """Windows of 30 s every 10 s and of 20 s: panes share some windows and not others."""
    measures = {"request_count": "count"}
    sliding = {"window": "30 seconds", "slide": "10 seconds", "keys": ["service"], "measures": measures}
    tumbling = {"window": "20 seconds", "measures": measures, "watermark": "25 seconds"}
    player = Player(root, small_spec(sliding=sliding, tumbling=tumbling))
    player.play(log_line(5), log_line(100))
    player.play(log_line(60), log_line(12), log_line(85), log_line(61, "b"), log_line(33), log_line(101))
    player.play(log_line(75), b"junk", log_line(12), log_line(13), log_line(78), log_line(200))
    player.play(log_line(150), log_line(171), log_line(99), log_line(60))
    return player


def two_eras_player(root: Path) -> Player:
    """A second generation with longer windows: its batches lose all older windows, and late ones of its own."""
    first = late_player(root)
    counts = {"window": "20 seconds", "keys": ["service"], "measures": {"request_count": "count"}}
    player = Player(root, small_spec(counts=counts), 2, log=first.log)
    player.play(log_line(51), log_line(7), log_line(8, "b"), log_line(17), log_line(90))
    player.play(log_line(95), log_line(200))
    player.play(log_line(93), log_line(9), log_line(110), log_line(94), log_line(201))
    return player


def reconcile_from(player: Player, earliest: int) -> tuple[int, int, int]:
    """Reconciles from a log that begins at `earliest`: records read, corrections and marks written."""

    def read(ranges: OffsetRanges) -> Iterator[pa.Table]:
        assert all(start >= earliest for start, _ in ranges.get(0, []))
        return player.read(ranges)

    books = replace(player.books, read=read, look=lambda _: Guard(WEEK, {0: earliest}, ()))
    result = reconcile_books(books)
    return result.records_read, result.corrections, result.unrecoverable


def open_plan(player: Player) -> ReconcilePlan:
    """What the next run would look at."""
    return plan_tables(player.tables, player.eras, ALL)[0]


def corrected(player: Player) -> set[tuple[Any, ...]]:
    """(version, metric, window end, key, events) of every correction."""
    rows = read_corrections(player.tables, player.spec).to_pylist()
    return {tuple(row[name] for name in ("version", "metric", "window_end", "key", "events")) for row in rows}


def marked(player: Player) -> set[tuple[int, str, int]]:
    """(batch, metric, window end in s) of every mark."""
    marks = read_unrecoverable(player.tables)
    return {(batch_of(mark.version), mark.metric, mark.window_end_us // S) for mark in marks}


def test_case_20_windows_that_lost_an_offset_are_named_and_the_others_corrected(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    assert reconcile_from(player, 4) == (2, 2, 1)
    assert marked(player) == {(2, "counts", 10)}
    assert {(batch_of(row[0]), row[3]) for row in corrected(player)} == {(3, '["a"]')}
    mark = read_unrecoverable(player.tables)[0]
    assert (mark.partition, mark.start, mark.end, mark.events) == (0, 3, 4, 3)


def test_case_20_the_books_still_balance(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    reconcile_from(player, 4)
    ledger, marks, lost = read_ledger(player.tables), read_unrecoverable(player.tables), lost_windows(player.eras)
    late = sum(pane.events for row in ledger for pane in row.late_panes(player.eras))
    assert (late, unrecoverable_events(ledger, marks, lost)) == (5, 3)
    assert open_plan(player).spans == ()


@pytest.fixture(scope="module", params=[sliding_player, two_eras_player])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Player:
    """A player that is reconciled while Kafka still has everything."""
    player: Player = request.param(tmp_path_factory.mktemp("whole"))
    reconcile_from(player, 0)
    return player


def not_corrected_yet(player: Player, root: Path) -> Player:
    """A copy with its corrections taken away."""
    copytree(player.tables.root, root, ignore=ignore_patterns("corrections", *player.spec.metrics))
    return Player(root, player.spec, player.generation, log=player.log)


@pytest.mark.parametrize("earliest", [3, 4, 6, 9, 11, 12, 15, 16, 18, 22])
def test_case_20_every_late_pair_is_corrected_whole_or_unrecoverable(
    whole: Player, tmp_path: Path, earliest: int
) -> None:
    player = not_corrected_yet(whole, tmp_path / "cut")
    reconcile_from(player, earliest)
    ledger, marks = read_ledger(player.tables), read_unrecoverable(player.tables)
    pairs = unrecoverable_pairs(ledger, marks, lost_windows(player.eras))
    assert corrected(player) <= corrected(whole)
    assert sum(row[4] for row in corrected(player)) + pairs == sum(row[4] for row in corrected(whole)) > 0
    assert open_plan(player).spans == ()
    assert reconcile_from(player, earliest) == (0, 0, 0)


def test_case_20_a_batch_that_lost_everything_is_dealt_with(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    assert reconcile_from(player, 10) == (0, 0, 3)
    ledger = read_ledger(player.tables)
    assert without_more(ledger, read_unrecoverable(player.tables), lost_windows(player.eras)) == {
        row.version for row in ledger[2:]
    }


def test_case_20_killed_between_marks_and_corrections_the_batch_is_planned_again(tmp_path: Path) -> None:
    player = sliding_player(tmp_path)
    ledger, lost = read_ledger(player.tables), lost_windows(player.eras)
    commit_unrecoverable(player.tables, split(ledger, {0: 3}, lost).lost)
    open_versions = open_plan(player).versions
    assert {mark.version for mark in read_unrecoverable(player.tables)} <= open_versions
    reconcile_from(player, 6)
    assert open_plan(player).spans == ()
    assert {row[0] for row in corrected(player)} & {mark.version for mark in read_unrecoverable(player.tables)}


def test_case_20_marks_are_written_once(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    marks = split(read_ledger(player.tables), {0: 4}, lost_windows(player.eras)).lost
    assert [commit_unrecoverable(player.tables, marks) for _ in range(2)] == [1, 0]
    assert read_unrecoverable(player.tables) == marks


def test_case_20_a_window_that_another_reconciler_still_corrected_is_not_lost(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    reconcile_from(player, 0)
    commit_unrecoverable(player.tables, split(read_ledger(player.tables), {0: 4}, lost_windows(player.eras)).lost)
    assert read_unrecoverable(player.tables) == ()
    mark = Unrecoverable(7, "counts", 10 * S, 0, 0, 3, 4, 3)
    assert standing([mark], {(7, "counts", 20 * S), (8, "counts", 10 * S)}) == (mark,)


def test_case_20_what_retention_touched_is_unchecked_and_the_rest_can_be_counted(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    ledger = read_ledger(player.tables)
    found = unchecked(ledger, {0: 4}, holding_windows(player.eras))
    assert found.versions == {row.version for row in ledger[:3]}
    assert found.windows == {("counts", end * S) for end in (10, 20, 50)}
    tail = countable(ledger, {0: 4})
    assert (tail.starts, tail.rows, tail.rejects) == ({0: 8}, 2, 0)
    assert unchecked(ledger, {0: 0}, holding_windows(player.eras)).versions == set()


def test_case_20_other_rules_of_what_a_batch_lost_can_be_given(tmp_path: Path) -> None:
    ledger = read_ledger(late_player(tmp_path).tables)

    def every_batch_loses(_: LedgerRow, pane: Pane) -> Iterator[tuple[str, int]]:
        yield "older", pane.pane

    assert {mark.metric for mark in split(ledger, {0: 1}, every_batch_loses).lost} == {"older"}


def verdict(log: PartitionLog, limits: TopicRetention = WEEK, late: tuple[int, int] = (3, 9)) -> Verdict:
    logs = {0: log}
    return judge(needed_ranges({0: [late]}, {0: 20}, logs), logs, limits, now_ms=100 * DAY)[0]


@pytest.mark.parametrize(
    ("age_days", "level"),
    [(1, Level.FINE), (3.5, Level.WARN), (5.5, Level.WARN), (5.6, Level.PAGE), (30, Level.PAGE)],
)
def test_case_22_a_backdated_record_counts_by_its_own_time(age_days: float, level: Level) -> None:
    log = PartitionLog(earliest=0, end=25, oldest_ms=round((100 - age_days) * DAY))
    assert verdict(log).level is level


def test_case_22_the_reason_says_how_old_and_how_long_it_is_kept() -> None:
    found = verdict(PartitionLog(0, 25, oldest_ms=70 * DAY))
    assert found.reason == "the oldest record needed is 30 days old, kept are 7 days"
    assert (found.needed, found.age_ms) == (3, 30 * DAY)


def test_what_is_needed_and_gone_is_named() -> None:
    found = verdict(PartitionLog(earliest=5, end=25))
    assert (found.level, found.missing, found.reason) == (Level.GONE, ((3, 5),), "offsets 3 to 4 are needed and gone")


def test_what_lies_between_late_spans_is_not_needed() -> None:
    assert verdict(PartitionLog(earliest=15, end=25), late=(16, 18)).level is Level.FINE


def test_unread_records_are_needed_and_a_topic_without_a_stream_needs_only_what_it_has() -> None:
    logs = {0: PartitionLog(earliest=5, end=25)}
    assert needed_ranges({}, {0: 4}, logs) == {0: [(4, 25)]}
    assert needed_ranges({}, {}, logs) == {0: [(5, 25)]}
    assert needed_ranges({}, {0: 25}, logs) == {}


def test_case_19_an_added_partition_is_needed_from_its_first_offset(tmp_path: Path) -> None:
    ends = next_offsets(read_ledger(late_player(tmp_path).tables))
    logs = {0: PartitionLog(0, 10), 1: PartitionLog(2, 6)}
    assert ends == {0: 10}
    found = judge(needed_ranges({}, ends, logs), logs, WEEK, now_ms=0)
    assert [(each.level, each.missing) for each in found] == [(Level.FINE, ()), (Level.GONE, ((0, 2),))]


@pytest.mark.parametrize(
    ("limits", "level"),
    [
        (TopicRetention(None, None, "CreateTime"), Level.FINE),
        (TopicRetention(None, 1_000, "CreateTime"), Level.PAGE),
        (TopicRetention(None, 1_500, "CreateTime"), Level.WARN),
        (TopicRetention(None, 9_000, "CreateTime"), Level.FINE),
        (TopicRetention(None, None, "CreateTime", compacts=True), Level.PAGE),
    ],
)
def test_size_and_compaction_remove_too(limits: TopicRetention, level: Level) -> None:
    assert verdict(PartitionLog(0, 25, size=1_000, oldest_ms=0), limits).level is level
