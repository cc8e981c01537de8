"""What `tideline ledger` warns of: far too much dropped, and Spark's counter of another mind than the books."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cross_check import COUNTED_BATCH, COUNTER
from tideline.home import Home
from tideline.reconcile import reconcile_books
from tideline.stream_ledger import open_ledger


def played(root: Path, counter: int | None) -> Player:
    """Batch 1 drops two groups; batch 2 tells what Spark counted of it."""
    player = Player(Home(root).tables("small"), small_spec())
    player.play(log_line(5), log_line(100))
    player.play(log_line(6), log_line(7), log_line(8, "b"), log_line(101))
    planned = player.plan({0: [log_line(102)]})
    told = {} if counter is None else {COUNTED_BATCH: "1", COUNTER: str(counter)}
    player.commit(replace(planned, row=replace(planned.row, settings=told)))
    reconcile_books(player.books)
    return player


def alarms(root: Path) -> list[str]:
    return open_ledger(Home(root), small_spec()).alarms()


@pytest.mark.parametrize("counter", [2, None], ids=["the same", "lost"])
def test_books_that_spark_agrees_with_raise_no_alarm(tmp_path: Path, counter: int | None) -> None:
    played(tmp_path, counter)
    assert alarms(tmp_path) == []


@pytest.mark.parametrize(
    ("counter", "cause"), [(6, "executed 3 times"), (1, "Spark dropped less than the ledger says")]
)
def test_a_counter_that_differs_is_told_with_its_cause(tmp_path: Path, counter: int, cause: str) -> None:
    played(tmp_path, counter)
    (alarm,) = alarms(tmp_path)
    assert "batch 1 of generation 1 dropped 2 groups" in alarm and cause in alarm


def test_a_stream_that_drops_most_of_what_arrives_raises_an_alarm(tmp_path: Path) -> None:
    player = played(tmp_path, None)
    player.play(*[log_line(1)] * 30)
    (alarm,) = alarms(tmp_path)
    assert "of the events of the last" in alarm and "were dropped" in alarm
