"""How far the horizon comes, and which ledger rows go: decided without tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import small_spec
from tideline.gaps import Gap
from tideline.generations import Era, with_horizon
from tideline.horizon import NOTHING_US, Evidence, decide_horizon, erasable_prefix, expired_marks
from tideline.lateness import EVERY_WINDOW, Bounds, extra_delay_us, windows_of
from tideline.ledger import LedgerRow, Pane, PartitionRange
from tideline.unrecoverable import missing_windows
from tideline.versions import version_of

KEEP, SECOND_US = 100_000, 1_000_000
SPEC = small_spec(
    counts={"window": "10 seconds", "keys": ["service"], "measures": {"n": "count"}},
    hopping={"window": "30 seconds", "slide": "10 seconds", "watermark": "25 seconds", "measures": {"n": "count"}},
)
W = 300 * SECOND_US
ERAS = (
    Era(SPEC, 1, 1, Bounds(EVERY_WINDOW.after_us, W), 0),
    Era(SPEC, 2, 3, Bounds(W, EVERY_WINDOW.until_us), 0),
)


def row(version: int, seconds: list[int], late_s: int, watermark_s: int, at_s: int = 0) -> LedgerRow:
    panes = tuple(Pane(0, second // 10 * 10 * SECOND_US, 1, at, at) for at, second in enumerate(seconds))
    ranges = (PartitionRange(0, 0, len(seconds), len(seconds), 0, None, None),)
    made = LedgerRow(
        version, 1, "t", "id", at_s * 1000, late_s * 1000, watermark_s * 1000, "f", "c", {}, ranges, panes, 10_000
    )
    return replace(made, late_events=sum(pane.events for pane in made.late_panes(ERAS)))


seconds = st.integers(0, 1_000)
rows = st.builds(
    lambda generation, batch, times, late, more, at: row(version_of(generation, batch), times, late, late + more, at),
    st.integers(1, 3), st.integers(0, 50), st.lists(seconds, max_size=5), seconds, seconds, seconds,
)  # fmt: skip
gaps = st.builds(Gap, st.integers(1, 3), st.integers(0, 5), st.integers(6, 9))
horizons = st.one_of(st.just(NOTHING_US), st.integers(0, 1_000 * SECOND_US))


def evidence_of(newest: int, last: LedgerRow | None, waiting: list[LedgerRow], young: list[Gap]) -> Evidence:
    return Evidence(ERAS, max(newest, last.generation if last else 1), last, waiting, young)


evidences = st.builds(
    evidence_of, st.integers(1, 3), st.one_of(st.none(), rows), st.lists(rows, max_size=4), st.lists(gaps, max_size=1),
)  # fmt: skip


@given(evidences, st.integers(0, 1_200_000), horizons)
def test_the_horizon_passes_nothing_that_may_still_change(evidence: Evidence, now: int, before_us: int) -> None:
    until_us = decide_horizon(evidence, now, KEEP, before_us).until_us
    assert until_us >= before_us
    if until_us == before_us:
        return
    assert until_us <= (now - KEEP) * 1000
    assert not evidence.young
    last = evidence.last
    if until_us > W:  # no window of the era that runs is open, or will be counted by a generation that begins
        assert last is not None
        assert last.generation == evidence.newest
        assert until_us + max(extra_delay_us(SPEC, name) for name in SPEC.metrics) <= last.watermark_ms * 1000
    missing = missing_windows(ERAS)
    ends = [end for each in evidence.waiting for pane in each.panes for _, end in missing(each, pane)]
    assert not [end for end in ends if before_us < end <= until_us]


@given(evidences, st.integers(0, 1_200_000), st.integers(0, 1_200_000), horizons)
def test_it_moves_with_the_clock_alone_and_never_back(evidence: Evidence, now: int, later: int, before_us: int) -> None:
    first = decide_horizon(evidence, min(now, later), KEEP, before_us)
    second = decide_horizon(evidence, max(now, later), KEEP, first.until_us)
    assert second.until_us >= first.until_us
    assert decide_horizon(evidence, max(now, later), KEEP, second.until_us) == replace(
        second, held_back=decide_horizon(evidence, max(now, later), KEEP, second.until_us).held_back
    )


@given(
    st.lists(rows, max_size=6), st.integers(0, 1_100 * SECOND_US), st.integers(0, 1_000_000), st.integers(-1, 1 << 34)
)
def test_what_goes_is_a_prefix_that_nothing_needs(
    ledger: list[LedgerRow], horizon_us: int, recorded: int, through: int
) -> None:
    ordered = sorted(ledger, key=lambda each: each.version)
    found = erasable_prefix(ordered, ERAS, horizon_us, recorded, through, {})
    assert found == ordered[: len(found)]
    for each in found:
        assert each.batch_at_ms <= recorded
        assert each.version <= through or not each.late_events
        ends = [end for pane in each.panes for _, end in windows_of(SPEC, pane.pane, each.pane_ms * 1000)]
        assert max(ends, default=0) <= horizon_us


def test_a_reject_that_would_be_in_a_kept_window_keeps_its_batch() -> None:
    ledger = [row(version_of(1, batch), [1], 0, 500) for batch in range(3)]
    rejected = {version_of(1, 1): 70 * SECOND_US}
    assert len(erasable_prefix(ledger, ERAS, 60 * SECOND_US, 0, -1, rejected)) == 1
    assert len(erasable_prefix(ledger, ERAS, 70 * SECOND_US, 0, -1, rejected)) == 3


@pytest.mark.parametrize(("until_s", "ends"), [(None, set()), (30, {20, 30}), (1_000, {20, 30, 40})])
def test_expired_windows_that_lost_events_are_marked(until_s: int | None, ends: set[int]) -> None:
    late = row(version_of(1, 4), [11], 100, 100)
    eras = with_horizon(ERAS, None if until_s is None else until_s * SECOND_US)
    marks = expired_marks([late], eras)
    assert {mark.window_end_us // SECOND_US for mark in marks} == ends
    assert {mark.reason for mark in marks} <= {"expired"}
