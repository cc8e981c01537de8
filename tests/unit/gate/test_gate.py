"""Corrections that are not what is expected are held, by Great Expectations itself, until a person releases them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from support.held import first_count, hold_one_event, refuse
from support.late_player import books, counts, published_tables, require_exact
from support.records import log_line, small_spec
from tideline.backfill import recompute_windows
from tideline.bench.player import Player
from tideline.errors import UserError
from tideline.gate.corrections import Gate, check_corrections
from tideline.gate.suites import DOCS, Validation
from tideline.holds import Release, held_versions
from tideline.home import Home
from tideline.quarantine import Entry, Quarantine
from tideline.quarantine_list import added, change_list
from tideline.reconcile import ReconcileResult, plan_tables, reconcile_books
from tideline.reconcile_plan import Interval
from tideline.release import carry_out_releases, release_hold, release_in
from tideline.stream_books import StreamBooks
from tideline.tables.books import read_corrected, read_corrections
from tideline.tables.holds import commit_release, read_holds
from tideline.tables.late_events import read_late_events
from tideline.verify import verify_tables

EXPECTED = """
tables:
  counts:
    - expect_column_values_to_be_between: {column: request_count, max_value: 2}
"""


def clock() -> int:
    return 5_000_000_000_000


def played(root: Path) -> Player:
    """Of two batches that drop something: the first one event, the second two of one group."""
    player = Player(root / "tables", small_spec())
    player.play(log_line(5), log_line(41))
    player.play(log_line(42))
    player.play(log_line(6), log_line(43))
    player.play(log_line(7), log_line(8), log_line(44))
    return player


def outcomes(player: Player) -> list[str]:
    return sorted(read_late_events(player.tables)["outcome"].to_pylist())


def real_gate(home: Home, expected: str) -> Gate:
    folder = home.root / "expectations"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(expected)
    return partial(check_corrections, home, "run-1", folder=folder)


def test_rows_that_break_a_rule_are_held_with_the_reason_and_a_page_of_the_data_docs(tmp_path: Path) -> None:
    player, home = played(tmp_path), Home(tmp_path / "home")
    before = published_tables(player)
    result = reconcile_books(player.books, gate=real_gate(home, EXPECTED), run="run-1")
    assert (result.held, result.corrections, result.rows_published) == (2, 0, 0)
    assert published_tables(player) == before
    (hold,) = read_holds(player.tables)
    assert (hold.number, hold.corrections, hold.events, len(hold.versions), hold.run) == (1, 2, 3, 2, "run-1")
    (failure,) = hold.failures
    assert failure.startswith("counts: expect_column_values_to_be_between (column request_count, max_value 2")
    assert 'of 1 rows, such as 1970-01-01 00:00:00+00:00, ["a"] has request_count 4' in failure
    assert hold.page is not None
    assert "request_count" in (home.stream("small").validations / DOCS / hold.page).read_text()


def test_rows_that_keep_the_rules_go_through_the_gate(tmp_path: Path) -> None:
    player, home = played(tmp_path), Home(tmp_path / "home")
    gate = real_gate(home, EXPECTED.replace("max_value: 2", "max_value: 4"))
    assert reconcile_books(player.books, gate=gate).held == 0
    assert counts(player)[0, "a"] == 4
    assert not read_holds(player.tables)


def spoiled(change: Callable[[pa.Table], pa.Table], gate: Gate) -> Gate:
    return lambda books, corrections: gate(books, change(corrections))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda rows: pa.concat_tables([rows, rows]), "expect_compound_columns_to_be_unique"),
        (lambda rows: rows.set_column(4, "events", pa.array([0] * len(rows))), "column events, min_value 1"),
        (lambda rows: rows.set_column(1, "metric", pa.array(["other"] * len(rows))), "column metric, value_set"),
        (
            lambda rows: rows.set_column(2, "window_end", pa.array([11_000_000] * len(rows), rows["window_end"].type)),
            "column misaligned_us",
        ),
    ],
)
def test_what_must_hold_of_any_corrections_is_looked_at(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table], rule: str
) -> None:
    player, home = played(tmp_path), Home(tmp_path / "home")
    gate = spoiled(change, real_gate(home, "tables: {}"))
    assert reconcile_books(player.books, gate=gate).held == 2
    (hold,) = read_holds(player.tables)
    assert any(rule in failure for failure in hold.failures), hold.failures


@pytest.mark.parametrize("window", ["20 seconds", "15 seconds"])
def test_windows_of_the_spec_before_are_looked_at_by_that_spec(tmp_path: Path, window: str) -> None:
    first, home = played(tmp_path), Home(tmp_path / "home")
    measures = {"request_count": "count", "slowest": "max(response_time)"}
    changed = small_spec(counts={"window": window, "keys": ["service"], "measures": measures})
    second = Player(first.root, changed, 2, log=first.log)
    second.play(log_line(9), log_line(19), log_line(45), log_line(90))
    second.play(log_line(46), log_line(91))
    assert reconcile_books(second.books, gate=real_gate(home, "tables: {}")).held == 0
    report = verify_tables(second.tables, second.spec, second.read)
    assert (report.holds, report.books.late, report.books.pending) == (True, 6, 0)


def test_what_is_held_is_published_once_a_person_releases_it_and_their_name_is_kept(tmp_path: Path) -> None:
    player = played(tmp_path)
    reconcile_books(player.books, gate=refuse)
    assert outcomes(player) == ["held"] * 3
    assert books(player).pending == 3
    done = release_in(player.tables, player.eras, 1, Release("ada", 7, "run-2"), clock)
    assert (done.corrections, done.rows_published, done.released_by) == (2, 1, "ada")
    assert counts(player)[0, "a"] == 4
    assert outcomes(player) == ["corrected"] * 3
    assert [hold.release for hold in read_holds(player.tables)] == [Release("ada", 7, "run-2")]
    require_exact(player)


def test_a_held_batch_is_not_read_again_and_later_ones_are_corrected_beside_it(tmp_path: Path) -> None:
    player = played(tmp_path)
    reconcile_books(player.books, gate=refuse)
    held = held_versions(read_holds(player.tables))
    player.play(log_line(12), log_line(45))
    plan, through = plan_tables(player.tables, player.eras, Interval())
    assert plan.versions.isdisjoint(held)
    assert through is None, "the mark would say that the held batches are dealt with"
    assert reconcile_books(player.books).corrections == 1
    assert held_versions(read_holds(player.tables)) == held
    assert books(player).pending == 3
    report = verify_tables(player.tables, player.spec, player.read)
    assert (report.holds, report.books.held, report.books.pending, report.conservation()["held"]) == (True, 3, 0, 3)
    assert sum(metric.differences for metric in report.metrics.values()) == 0
    assert sum(metric.pending for metric in report.metrics.values()) == 1
    release_in(player.tables, player.eras, 1, Release("ada", 7), clock)
    require_exact(player)


def test_two_runs_at_once_hold_the_same_batches_once(tmp_path: Path) -> None:
    player = played(tmp_path)
    held: list[ReconcileResult] = []

    def other_run_first(books: StreamBooks, corrections: pa.Table) -> Validation:
        held.append(reconcile_books(player.books, gate=refuse))
        return refuse(books, corrections)

    second = reconcile_books(player.books, gate=other_run_first)
    assert (held[0].held, second.held, len(read_holds(player.tables))) == (2, 0, 1)


def test_a_release_that_was_cut_off_is_carried_out_by_the_next_reconciliation(tmp_path: Path) -> None:
    player = played(tmp_path)
    reconcile_books(player.books, gate=refuse)
    commit_release(player.tables, "small", 1, Release("ada", 7))
    assert reconcile_books(player.books).corrections == 2
    assert counts(player)[0, "a"] == 4
    require_exact(player)


def test_a_run_killed_before_its_hold_leaves_nothing_that_the_next_does_not_put_right(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    player = played(tmp_path)

    def killed(books: StreamBooks, corrections: pa.Table) -> Validation:
        raise Killed

    with pytest.raises(Killed):
        reconcile_books(player.books, gate=killed)
    assert reconcile_books(player.books).held == 0
    assert outcomes(player) == ["corrected"] * 3
    require_exact(player)


@pytest.mark.parametrize(
    ("number", "problem"), [(2, "small has no hold 2"), (1, "hold 1 of small was released by ada")]
)
def test_what_does_not_wait_for_anybody_is_not_released(tmp_path: Path, number: int, problem: str) -> None:
    player = played(tmp_path)
    reconcile_books(player.books, gate=refuse)
    release_in(player.tables, player.eras, 1, Release("ada", 7), clock)
    with pytest.raises(UserError, match=problem):
        release_in(player.tables, player.eras, number, Release("bob", 8), clock)


def test_nothing_to_release_is_told_before_the_first_hold(tmp_path: Path) -> None:
    player = played(tmp_path)
    with pytest.raises(UserError, match="small has no hold 1"):
        release_in(player.tables, player.eras, 1, Release("ada", 7), clock)
    assert carry_out_releases(player.tables, player.eras, clock) == 0
    assert not len(read_corrections(player.tables, player.spec))
    assert not read_corrected(player.tables).versions


@pytest.mark.parametrize("others", [(), (log_line(7),)], ids=["alone", "beside others"])
def test_a_release_puts_back_no_record_that_was_listed_and_taken_out_meanwhile(
    tmp_path: Path, others: tuple[bytes, ...]
) -> None:
    player = Player(tmp_path / "tables", small_spec())
    player.play(log_line(5), log_line(41))
    player.play(log_line(42))
    player.play(log_line(6, "b"), *others, log_line(43))
    reconcile_books(player.books, gate=refuse)
    player.quarantine = Quarantine(frozenset({(0, 3)}))
    recompute_windows(player.books, frozenset({("counts", 10_000_000)}))
    release_in(player.tables, player.eras, 1, Release("ada", 7), clock, player.quarantine)
    reconcile_books(player.books)
    report = verify_tables(player.tables, player.spec, player.read, quarantine=player.quarantine)
    assert (report.holds, report.books.held, report.books.pending) == (True, 0, 0), report.as_dict()


def test_a_release_takes_the_list_of_its_stream(tmp_path: Path) -> None:
    home = Home(tmp_path)
    tables = hold_one_event(home)
    listed = Entry(0, 3, "counts twice", "ann", "2026-01-31T10:00:00Z")
    change_list(home.stream("small").quarantine, lambda entries: added(entries, listed))
    assert (release_hold(home, "small", 1, "ada").corrections, first_count(tables)) == (0, 1)
