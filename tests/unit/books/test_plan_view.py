"""What a dry run promises is what the run does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from support.records import log_line, small_spec
from tideline.backfill import recompute_windows, windows_between
from tideline.bench.player import Player
from tideline.plan_view import preview_backfill, preview_reconcile
from tideline.reconcile import reconcile_books
from tideline.reconcile_plan import Interval, plan_reconcile
from tideline.tables.books import read_corrected, read_ledger

WHOLE = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC)


def played(root: Path) -> Player:
    """Windows [0, 10) and [10, 20) are closed and lost three events in two batches; [50, 60) is open."""
    player = Player(root, small_spec())
    player.play(log_line(5), log_line(15))
    player.play(log_line(45))
    player.play(log_line(6), log_line(16), log_line(50), b"junk")
    player.play(log_line(7))
    return player


def test_a_reconciliation_does_what_its_preview_says(tmp_path: Path) -> None:
    player = played(tmp_path)
    ledger = player.books.ledger
    plan = plan_reconcile(player.eras, ledger, read_corrected(player.tables))
    found = preview_reconcile(player.eras, ledger, plan)
    done = reconcile_books(player.books)
    assert (found.batches, found.windows, found.late_events, found.records) == (2, 2, 3, 3)
    assert (done.batches, done.late_events, done.records_read) == (found.batches, found.late_events, found.records)


def test_an_interval_leaves_the_other_batches(tmp_path: Path) -> None:
    player = played(tmp_path)
    interval = Interval(since=datetime.fromtimestamp(4, UTC))
    plan = plan_reconcile(player.eras, player.books.ledger, read_corrected(player.tables), interval)
    found = preview_reconcile(player.eras, player.books.ledger, plan)
    assert (found.batches, found.windows, found.late_events) == (1, 1, 1)


def test_a_backfill_does_what_its_preview_says(tmp_path: Path) -> None:
    player = played(tmp_path)
    ledger = read_ledger(player.tables)
    found = preview_backfill(player.eras, ledger, WHOLE)
    windows = windows_between(player.eras, ledger, 0, 86_400_000_000)
    done = recompute_windows(player.books, windows)
    assert (found.windows, found.open_windows) == (done.windows, done.open_windows) == (2, 2)
    assert found.records == done.records_read > 0


def test_a_backfill_names_what_kafka_no_longer_holds(tmp_path: Path) -> None:
    player = played(tmp_path)
    ledger = read_ledger(player.tables)
    found = preview_backfill(player.eras, ledger, WHOLE, held=({0: 1}, {0: len(player.log)}))
    assert found.as_dict()["gone"] == {"0": [[0, 1]]}


def test_a_stream_without_a_batch_has_nothing_to_backfill(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    assert preview_backfill(player.eras, [], WHOLE).windows == 0
