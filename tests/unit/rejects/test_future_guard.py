"""LATE_CASES 15: one event from far ahead. The guard refuses it; without the guard all that follows is dropped,
found again, and told by an alarm."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import RECORDED_MS, Player
from tideline.dropped_share import dropped_alarm, dropped_share
from tideline.ledger import LedgerRow, keep_books
from tideline.reconcile import reconcile_books
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrected, read_ledger
from tideline.tables.published import read_published

NOW_S = RECORDED_MS // 1000
HOUR_MS = 3_600_000
FOR_EVER_MS = 36_500 * 24 * HOUR_MS


def spec_with(max_future_ms: int) -> StreamSpec:
    spec = small_spec()
    return spec.model_copy(update={"source": spec.source.model_copy(update={"max_future": max_future_ms})})


def poisoned(root: Path, max_future_ms: int) -> Player:
    """Five events in order, one of t + 10,000 s among them, then thirty in ten batches, in order."""
    player = Player(root, spec_with(max_future_ms))
    player.play(log_line(NOW_S + 1), log_line(NOW_S + 2), log_line(NOW_S + 10_000), log_line(NOW_S + 3))
    player.play(log_line(NOW_S + 4))
    for second in range(10, 40, 3):
        player.play(*(log_line(NOW_S + second + n) for n in range(3)))
    return player


def counts(player: Player) -> dict[int, int]:
    """Seconds after now at which a window starts -> its count."""
    rows = read_published(player.tables.published("counts"))
    assert rows is not None
    return {
        round(row["window_start"].timestamp()) - NOW_S: row["request_count"]
        for row in rows.sort_by("window_start").to_pylist()
    }


def test_case_15_with_the_guard_nothing_else_is_late(tmp_path: Path) -> None:
    player = poisoned(tmp_path, HOUR_MS)
    ledger = read_ledger(player.tables)
    books = keep_books(player.eras, ledger, frozenset())
    assert (books.sent, books.rejected, books.counted, books.late) == (35, 1, 34, 0)
    assert counts(player) == {0: 4, 10: 10, 20: 10, 30: 10}
    assert dropped_alarm(ledger) is None


def test_case_15_without_the_guard_everything_after_is_dropped(tmp_path: Path) -> None:
    player = poisoned(tmp_path, FOR_EVER_MS)
    books = keep_books(player.eras, read_ledger(player.tables), frozenset())
    assert (books.sent, books.rejected, books.counted, books.late) == (35, 0, 4, 31)
    assert counts(player) == {0: 3, 10_000: 1}


def test_case_15_all_that_was_dropped_is_recovered(tmp_path: Path) -> None:
    player, guarded = poisoned(tmp_path / "a", FOR_EVER_MS), poisoned(tmp_path / "b", HOUR_MS)
    reconcile_books(player.books)
    assert counts(player) == {**counts(guarded), 10_000: 1}
    books = keep_books(player.eras, read_ledger(player.tables), read_corrected(player.tables))
    assert (books.corrected, books.pending, books.balanced) == (31, 0, True)


def test_case_15_the_alarm_names_the_share_and_the_record_that_moved_the_watermark(tmp_path: Path) -> None:
    player = poisoned(tmp_path, FOR_EVER_MS)
    alarm = dropped_alarm(read_ledger(player.tables))
    assert alarm is not None
    assert (alarm.found.batches, alarm.found.events, alarm.found.dropped) == (12, 35, 31)
    assert str(alarm).startswith("89% of the events of the last 12 batches with events were dropped (31 of 35, since")
    assert "event time went ahead most in batch 1/0, partition 0, by 9,999 s" in str(alarm)


def test_the_alarm_finds_a_later_batch_that_moved_the_watermark(tmp_path: Path) -> None:
    rows = played(tmp_path, [1, 5], [6], [9_000], [7], [8])
    alarm = dropped_alarm(rows, above=0.3, at_least=1)
    assert alarm is not None
    assert (alarm.moved_by, alarm.ahead_us, alarm.since) == (rows[2].version, 8_994_000_000, rows[3].version)


def played(root: Path, *batches: list[float]) -> list[LedgerRow]:
    player = Player(root, small_spec())
    for times in batches:
        player.play(*map(log_line, times))
    return read_ledger(player.tables)


def test_only_the_last_batches_with_events_count(tmp_path: Path) -> None:
    rows = played(tmp_path, [1, 100], [2, 3], [], [4, 101], [])
    assert [dropped_share(rows, last).dropped for last in (1, 2, 3)] == [1, 3, 3]
    assert [dropped_share(rows, last).batches for last in (1, 2, 3, 9)] == [1, 2, 3, 3]


@pytest.mark.parametrize(("above", "at_least", "raised"), [(0.49, 3, True), (0.5, 3, False), (0.49, 4, False)])
def test_the_alarm_needs_a_share_above_its_bound_and_enough_events(
    tmp_path: Path, above: float, at_least: int, raised: bool
) -> None:
    rows = played(tmp_path, [1, 100], [2, 3], [4, 101])
    assert dropped_share(rows).share == 0.5
    assert (dropped_alarm(rows, above=above, at_least=at_least) is not None) is raised


def test_without_events_there_is_no_share_and_no_alarm(tmp_path: Path) -> None:
    rows = played(tmp_path, [])
    assert (dropped_share(rows).share, dropped_alarm(rows, above=0, at_least=0)) == (0, None)
