"""Late case 11 on the rule: Spark's counter against the groups that the ledger knows were dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.late_player import late_groups, require_exact
from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cross_check import Agreement, CrossCheck, cross_check
from tideline.tables.books import read_corrections


@pytest.mark.parametrize(
    ("groups", "counter", "verdict", "cause", "is_alarming"),
    [
        (2, 2, Agreement.AGREES, "", False),
        (0, 0, Agreement.AGREES, "", False),
        (2, 6, Agreement.MULTIPLE, "the batch's plan was executed 3 times", True),
        (2, 5, Agreement.TOO_HIGH, "tasks were tried again", False),
        (0, 3, Agreement.TOO_HIGH, "tasks were tried again", False),
        (2, 1, Agreement.TOO_LOW, "Spark dropped less than the ledger says", True),
        (2, None, Agreement.LOST, "the progress event was lost", False),
    ],
)
def test_case_11_the_books_name_the_cause(
    groups: int, counter: int | None, verdict: Agreement, cause: str, is_alarming: bool
) -> None:
    check = CrossCheck(1, groups, counter)
    assert (check.verdict, check.is_alarming) == (verdict, is_alarming)
    assert check.cause.startswith(cause) and bool(check.cause) == bool(cause)


def test_case_11_three_actions_triple_the_counter_and_nothing_else(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(100))
    row = player.play(*[log_line(5)] * 4, log_line(5, "b"))
    require_exact(player)
    dropped = read_corrections(player.tables, player.spec)["version"].to_pylist()
    (check,) = cross_check(dropped, {row.version}, {row.version: 3 * late_groups(player)})
    assert (check.groups, check.counter, check.verdict) == (2, 6, Agreement.MULTIPLE)
