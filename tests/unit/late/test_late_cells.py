"""What batches dropped does not depend on how their records are cut, shared out, or surrounded by others."""

from __future__ import annotations

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.late_cells import LateCells
from tideline.reconcile import compute_corrections
from tideline.reconcile_plan import ReconcilePlan, plan_reconcile
from tideline.tables.books import read_corrected, read_ledger

MEASURES = {"n": "count", "users": "set(user_id)", "average": "avg(response_time)"}
FIRST = {"window": "10 seconds", "keys": ["service"], "measures": MEASURES}
SECOND = {"window": "20 seconds", "slide": "10 seconds", "keys": ["service"], "measures": {"n": "count"}}


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Player:
    """Two generations of different specs, each with late events for windows of its own and of the one before."""
    root = tmp_path_factory.mktemp("late-cells")
    first = Player(root, small_spec(counts=FIRST))
    for times in ([1, 2, 100], [3, 4], [105], [15, 106], [7, 95]):
        first.play(*(log_line(t, user_id=f"u{t}", response_time=t / 7) for t in times))
    second = Player(root, small_spec(counts=FIRST, sliding=SECOND), 2, log=first.log)
    for times in ([110, 200], [5, 111, 180], [201], [112, 8, 185]):
        second.play(*(log_line(t, user_id=f"u{t}", response_time=t / 7) for t in times))
    return second


@pytest.fixture(scope="module")
def plan(player: Player) -> ReconcilePlan:
    return plan_reconcile(player.eras, read_ledger(player.tables), read_corrected(player.tables))


def whole_log(player: Player) -> pa.Table:
    return pa.concat_tables(player.read({0: [(0, len(player.log))]}))


def rows(corrections: pa.Table) -> list[str]:
    return sorted(map(str, corrections.to_pylist()))


def planned(player: Player, plan: ReconcilePlan) -> list[str]:
    found = rows(compute_corrections(player.eras, plan, player.read(plan.ranges))[1])
    assert len(found) > 5
    return found


def test_records_outside_of_the_spans_add_nothing(player: Player, plan: ReconcilePlan) -> None:
    assert sum(end - start for start, end in plan.ranges[0]) < len(player.log)
    assert rows(compute_corrections(player.eras, plan, [whole_log(player)])[1]) == planned(player, plan)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_it_does_not_matter_who_takes_which_chunk(player: Player, plan: ReconcilePlan, size: int) -> None:
    log = whole_log(player)
    collectors = [LateCells(player.eras, plan.spans) for _ in range(3)]
    for n, start in enumerate(reversed(range(0, len(log), size))):
        collectors[n % 3].load(log.slice(start, size))
    merged = LateCells(player.eras, plan.spans)
    for collector in collectors:
        for era, cells in collector.found().items():
            merged.add(era, cells)
    assert rows(merged.corrections()) == planned(player, plan)


def test_nothing_late_is_no_row(player: Player) -> None:
    assert len(LateCells(player.eras, ()).corrections()) == 0
