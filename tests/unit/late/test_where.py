"""Metrics with a condition: late events are corrected where they count, and the books still tie."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.against_oracle import unlike_the_oracle
from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.reconcile import BooksDiffer, reconcile_books
from tideline.tables.books import read_corrected
from tideline.verify import verify_tables

ALL = {"window": "10 seconds", "keys": ["service"], "measures": {"n": "count"}}
FAILED = ALL | {"where": "status_code >= 400"}


def played(root: Path) -> Player:
    player = Player(root, small_spec(requests=ALL, failed=FAILED))
    player.play(log_line(5, status_code=500), log_line(41))
    player.play(log_line(42))
    player.play(log_line(6, status_code=404), log_line(7, status_code=200), log_line(8), log_line(43))  # three late
    return player


def test_only_late_events_that_count_are_corrected(tmp_path: Path) -> None:
    player = played(tmp_path)
    assert player.books.ledger[-1].late_events == 3
    reconcile_books(player.books)
    assert unlike_the_oracle(player.tables, player.spec, [(0, value) for value in player.log]) == []
    report = verify_tables(player.tables, player.spec, player.read)
    assert report.holds, report.as_dict()
    assert reconcile_books(player.books).rows_published == 0


def test_a_batch_of_which_no_late_event_counts_is_dealt_with(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec(failed=FAILED))
    player.play(log_line(5, status_code=500), log_line(41))
    player.play(log_line(42))
    row = player.play(log_line(6, status_code=200), log_line(43))
    assert row.late_events == 1
    reconcile_books(player.books)
    assert read_corrected(player.tables).through == row.version
    assert verify_tables(player.tables, player.spec, player.read).holds


def test_what_kafka_does_not_give_is_still_found_by_metrics_without_a_condition(tmp_path: Path) -> None:
    player = played(tmp_path)
    player.log[4] = b"not what it was"
    with pytest.raises(BooksDiffer, match="dropped 3 pairs by the ledger, Kafka gives 2"):
        reconcile_books(player.books)
