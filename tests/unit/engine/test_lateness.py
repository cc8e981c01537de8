from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import log_metrics, small_spec
from tideline.lateness import dropped_windows, extra_delay_us, first_drop_at_us, is_dropped, pane_ms, windows_of

S = 1_000_000


@pytest.mark.parametrize(("drop_at", "late_ms", "dropped"), [(90 * S, 90_000, True), (90 * S + 1, 90_000, False)])
def test_a_pair_is_dropped_up_to_the_watermark_and_at_it(drop_at: int, late_ms: int, dropped: bool) -> None:
    assert is_dropped(drop_at, late_ms) is dropped


def test_a_metric_with_a_longer_delay_keeps_its_windows_longer() -> None:
    assert extra_delay_us(log_metrics(), "ip_patterns") == 300 * S
    assert extra_delay_us(log_metrics(), "response_time") == 0


def test_a_pane_is_the_longest_stretch_whose_events_share_all_windows() -> None:
    count = {"measures": {"n": "count"}}
    spec = small_spec(a={"window": "30 seconds", "slide": "10 seconds", **count}, b={"window": "4 seconds", **count})
    assert pane_ms(spec) == 2_000


def test_the_first_window_of_a_pane_to_close_decides() -> None:
    count = {"measures": {"n": "count"}}
    spec = small_spec(a={"window": "30 seconds", "slide": "10 seconds", **count})
    assert first_drop_at_us(spec, 70 * S) == 80 * S


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**9))
def test_a_pane_is_late_exactly_if_a_window_of_one_of_its_events_was_dropped(t: int, late_ms: int) -> None:
    spec = log_metrics()
    pane = t // (60 * S) * (60 * S)
    ends = [(t // (60 * S) + 1) * 60 * S, (t // (300 * S) + 1) * 300 * S + 300 * S]
    assert any(dropped_windows(spec, pane, late_ms)) is any(end <= late_ms * 1000 for end in ends)
    assert (first_drop_at_us(spec, pane) <= late_ms * 1000) is any(end <= late_ms * 1000 for end in ends)


def test_windows_that_overlap_unevenly_hold_a_time_twice_or_three_times() -> None:
    spec = small_spec(a={"window": "7 seconds", "slide": "3 seconds", "measures": {"n": "count"}})
    assert pane_ms(spec) == 1_000
    ends = {t: [end // S for _, end in windows_of(spec, t * S)] for t in (-1, 0, 1, 2, 3)}
    assert ends == {-1: [1, 4], 0: [1, 4, 7], 1: [4, 7], 2: [4, 7], 3: [4, 7, 10]}
    assert first_drop_at_us(spec, 3 * S) == 4 * S
