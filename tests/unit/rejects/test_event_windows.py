from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import LONGER, log_line, log_metrics, small_spec
from tideline.bench.player import Player, records
from tideline.engine.cells import Engine
from tideline.event_windows import recomputation, windows_at
from tideline.generations import Era, only_era
from tideline.lateness import Bounds

S = 1_000_000
SLIDING = small_spec(
    a={"window": "30 seconds", "slide": "10 seconds", "measures": {"n": "count"}},
    b={"window": "7 seconds", "measures": {"n": "count"}},
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-100_000, 100_000), max_size=5))
def test_windows_are_those_that_the_engine_counts_in(times_ms: list[int]) -> None:
    bounds = Bounds(-50 * S, 50 * S)
    engine = Engine(SLIDING, bounds)
    engine.load(records([log_line(ms / 1000) for ms in times_ms]))
    cells = engine.cells()
    ends = cells["window_end"].cast("int64").to_pylist()
    expected = set(zip(cells["metric"].to_pylist(), ends, strict=True))
    assert windows_at(Era(SLIDING, 1, 1, bounds, 0), [ms * 1000 for ms in times_ms]) == expected


def test_a_window_is_recomputed_when_its_own_delay_has_passed(tmp_path: Path) -> None:
    player = Player(tmp_path, log_metrics())
    player.play(log_line(61), log_line(420))
    last = player.play()
    needs = recomputation(player.eras, windows_at(player.eras[0], [61 * S]), last)
    assert {metric for metric, _ in needs.closed} == set(player.spec.metrics) - LONGER
    assert needs.still_open == {(metric, 300 * S) for metric in LONGER}
    assert needs.covers == (60 * S, 120 * S)


def test_before_the_first_batch_no_window_is_closed() -> None:
    needs = recomputation(only_era(SLIDING), frozenset({("a", 40 * S)}), None)
    assert (needs.closed, needs.covers) == (frozenset(), None)
