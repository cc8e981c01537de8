from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.ledger import Books, TopicChanged, keep_books, require_same_topic
from tideline.reconcile import compute_corrections
from tideline.reconcile_plan import LateSpan, ReconcilePlan, is_due, plan_reconcile
from tideline.tables.books import read_corrected, read_ledger
from tideline.tables.corrections import commit_corrections
from tideline.tables.publication import Publication
from tideline.tables.published import read_published
from tideline.verify.compare import pending_windows


def late_player(root: Path) -> Player:
    """Windows [0, 10) and [10, 20) are closed when three events for the first and one for the second come late."""
    player = Player(root, small_spec())
    player.play(log_line(5), log_line(15))
    player.play(log_line(45))
    player.play(log_line(6), log_line(7), log_line(50), log_line(6, "b"), b"junk")
    player.play(log_line(16))
    return player


def reconcile(player: Player) -> tuple[int, int]:
    """Corrections written and rows published again."""
    ledger = read_ledger(player.tables)
    plan = plan_reconcile(player.eras, ledger, read_corrected(player.tables))
    _, corrections = compute_corrections(player.eras, plan, player.read(plan.ranges))
    written = commit_corrections(player.tables, corrections)
    return written, Publication(player.tables, player.eras).publish_new()


def counts(player: Player) -> dict[tuple[int, str], tuple[int, int]]:
    """(window start in s, service) -> (count, revision)."""
    table = read_published(player.tables.published("counts"))
    assert table is not None
    return {
        (round(row["window_start"].timestamp()), row["service"]): (row["request_count"], row["revision"])
        for row in table.to_pylist()
    }


def test_the_plan_names_only_offsets_of_late_panes(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    plan = plan_reconcile(player.eras, read_ledger(player.tables), frozenset())
    assert plan.ranges == {0: [(3, 7), (8, 9)]}
    assert plan.events == 4


def test_corrected_batches_are_not_planned_again(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    ledger = read_ledger(player.tables)
    assert plan_reconcile(player.eras, ledger, frozenset(row.version for row in ledger)).spans == ()


def test_corrected_windows_hold_what_was_dropped(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    assert counts(player) == {(0, "a"): (1, 0), (10, "a"): (1, 0), (40, "a"): (1, 0), (50, "a"): (1, 0)}
    reconcile(player)
    assert counts(player) == {
        (0, "a"): (3, 1), (0, "b"): (1, 1), (10, "a"): (2, 1), (40, "a"): (1, 0), (50, "a"): (1, 0),
    }  # fmt: skip


def test_reconciled_twice_nothing_changes(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    assert reconcile(player) == (3, 3)
    assert reconcile(player) == (0, 0)


def test_two_reconcilers_write_each_correction_once(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    plan = plan_reconcile(player.eras, read_ledger(player.tables), frozenset())
    _, corrections = compute_corrections(player.eras, plan, player.read(plan.ranges))
    assert [commit_corrections(player.tables, corrections) for _ in range(2)] == [3, 0]


def test_corrections_that_a_killed_run_left_unpublished_are_published_by_the_next(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    plan = plan_reconcile(player.eras, read_ledger(player.tables), frozenset())
    commit_corrections(player.tables, compute_corrections(player.eras, plan, player.read(plan.ranges))[1])
    assert reconcile(player) == (0, 3)


def test_the_driver_goes_on_beside_a_reconciler(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    reconcile(player)
    player.play(log_line(51), log_line(8))
    reconcile(player)
    assert (counts(player)[0, "a"], counts(player)[50, "a"]) == ((4, 2), (2, 0))


def test_the_books_count_each_event_once(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    ledger = read_ledger(player.tables)
    assert keep_books(player.eras, ledger, frozenset()) == Books(sent=9, rejected=1, counted=4, late=4, corrected=0)
    reconcile(player)
    books = keep_books(player.eras, ledger, read_corrected(player.tables))
    assert (books.corrected, books.pending, books.balanced) == (4, 0, True)


def test_windows_that_wait_for_a_reconciliation_are_pending(tmp_path: Path) -> None:
    player = late_player(tmp_path)
    assert pending_windows(player.eras, read_ledger(player.tables)) == {("counts", 10_000_000), ("counts", 20_000_000)}


def test_a_plan_counts_the_records_it_reads() -> None:
    spans = (LateSpan(1, 0, 3, 7, 90_000, 1), LateSpan(2, 0, 8, 9, 90_000, 2))
    assert ReconcilePlan(spans, 4, {}).records == 5


def test_a_topic_made_again_is_refused(tmp_path: Path) -> None:
    ledger = read_ledger(late_player(tmp_path).tables)
    require_same_topic(ledger, "id")
    with pytest.raises(TopicChanged, match="the ledger knows it as id, now it is other"):
        require_same_topic(ledger, "other")


@pytest.mark.parametrize(
    ("every_minutes", "minute", "due"), [(10, 10, True), (10, 20, True), (30, 20, False), (30, 30, True), (5, 20, True)]
)
def test_a_stream_is_due_when_its_own_interval_ends(every_minutes: int, minute: int, due: bool) -> None:
    until = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
    assert is_due(every_minutes * 60_000, until, 600_000) is due
