"""Published tables are validated by Great Expectations, and tie to the ledger."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.gate.suites import validate
from tideline.gate.tables import table_frames
from tideline.gate.tie import ledger_frame
from tideline.reconcile import reconcile_books

SLIDING = {"window": "20 seconds", "slide": "10 seconds", "measures": {"n": "count"}}
FAILED = {"window": "10 seconds", "measures": {"n": "count"}, "where": "status_code >= 400"}
COUNTS = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}


def played(root: Path) -> Player:
    """One late event corrected, one pending; windows of 0 to 40 s are closed."""
    player = Player(root / "tables", small_spec(counts=COUNTS, sliding=SLIDING, failed=FAILED))
    player.play(log_line(5), log_line(15), log_line(25, "b"), log_line(51))
    player.play(log_line(52))
    player.play(log_line(6), log_line(53))
    reconcile_books(player.books)
    player.play(log_line(16), log_line(54))
    return player


def ties(player: Player) -> dict[tuple[str, int], tuple[int, int]]:
    """(metric, window end in s): what the ledger and the table say."""
    rows = ledger_frame(player.tables, player.spec).rows.to_pylist()
    return {
        (row["metric"], round(row["window_end"].timestamp())): (row["ledger_events"], row["published_events"])
        for row in rows
    }


def test_closed_windows_tie_and_those_with_something_pending_are_left_out(tmp_path: Path) -> None:
    assert ties(played(tmp_path)) == {
        ("counts", 10): (2, 2),
        ("counts", 30): (1, 1),
        ("sliding", 10): (2, 2),
        ("sliding", 40): (1, 1),
    }


def test_nothing_is_wrong_with_tables_as_they_should_be(tmp_path: Path) -> None:
    player = played(tmp_path)
    found = validate(tmp_path / "gx", "tables", table_frames(player.tables, player.spec, tmp_path), "run-1")
    assert found.failures == ()
    assert found.page is not None


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"request_count": "request_count + 1"}, {"ledger: expect_column_pair_values_to_be_equal"}),
        (
            {"request_count": "-1"},
            {"counts: expect_column_values_to_be_between", "ledger: expect_column_pair_values_to_be_equal"},
        ),
        ({"key": "'x'"}, {"counts: expect_compound_columns_to_be_unique"}),
        ({"window_start": "window_start + interval 1 second"}, {"counts: expect_column_values_to_be_in_set"}),
    ],
)
def test_a_row_changed_by_hand_breaks_a_rule(tmp_path: Path, change: dict[str, str], rules: set[str]) -> None:
    player = played(tmp_path)
    path = str(player.tables.published("counts"))
    if "key" in change:  # two services of one window under one key
        player.play(log_line(55, "b"))
    DeltaTable(path).update(updates=change, predicate=None if "key" in change else "is_open = false")
    found = validate(tmp_path / "gx", "tables", table_frames(player.tables, player.spec, tmp_path), "run-1")
    assert {failure.partition(" (")[0] for failure in found.failures} == rules


seconds = st.lists(st.integers(0, 120), min_size=1, max_size=6)


@given(batches=st.lists(seconds, min_size=1, max_size=6), reconciled=st.sets(st.integers(0, 5)))
@settings(deadline=None, max_examples=40)
def test_what_a_driver_and_reconciliations_leave_always_ties(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], reconciled: set[int]
) -> None:
    player = Player(tmp_path_factory.mktemp("tables"), small_spec(counts=COUNTS, sliding=SLIDING))
    for number, batch in enumerate(batches):
        player.play(*(log_line(second, "ab"[second % 2]) for second in batch))
        if number in reconciled:
            reconcile_books(player.books)
    frame = ledger_frame(player.tables, player.spec).rows
    assert frame["ledger_events"].to_pylist() == frame["published_events"].to_pylist()
    reconcile_books(player.books)
    frame = ledger_frame(player.tables, player.spec).rows
    assert frame["ledger_events"].to_pylist() == frame["published_events"].to_pylist()
    assert isinstance(frame, pa.Table)
