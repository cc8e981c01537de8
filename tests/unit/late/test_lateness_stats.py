from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import small_spec
from tideline.generations import only_era
from tideline.lateness_stats import (
    ALWAYS,
    Measured,
    by_partition,
    late_events,
    lateness_of,
    measure,
    quantile,
    smallest_delay_ms,
)
from tideline.ledger import LedgerRow, Pane, PartitionRange, keep_books
from tideline.spec.model import StreamSpec
from tideline.versions import version_of
from tideline.watermark_advice import LONGEST_MS, HeldGroups, WindowGroups, advise, candidates

COUNT = {"measures": {"n": "count"}}
TWO_METRICS = {
    "a": {"window": "30 seconds", "slide": "10 seconds", **COUNT},
    "b": {"window": "20 seconds", "watermark": "25 seconds", **COUNT},
}


def two_metrics() -> StreamSpec:
    """Delays of 10 s and 25 s, panes of 10 s."""
    return small_spec(**TWO_METRICS)


def ledger_row(batch: int, late_ms: int, *panes: tuple[int, int, int]) -> LedgerRow:
    """A batch of (partition, pane in s, events)."""
    count = sum(events for _, _, events in panes)
    return LedgerRow(
        version=version_of(1, batch), epoch=1, topic="small", topic_id="id", batch_at_ms=batch, late_ms=late_ms,
        watermark_ms=late_ms, fingerprint="", code="", settings={},
        ranges=(PartitionRange(0, 0, count, count, 0, None, None),),
        pane_ms=10_000,
        panes=tuple(Pane(partition, pane * 1_000_000, events, 0, events - 1) for partition, pane, events in panes),
    )  # fmt: skip


panes = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-5, 30).map(lambda n: n * 10), st.integers(1, 50)), max_size=8
)
ledgers = st.lists(st.tuples(st.integers(0, 60_000), panes), max_size=8).map(
    lambda batches: [
        ledger_row(number, late_ms, *found)
        for number, ((_, found), late_ms) in enumerate(
            zip(batches, accumulate((step for step, _ in batches), initial=0), strict=False)
        )
    ]
)


@given(ledgers)
def test_at_the_present_delay_the_share_is_that_of_the_books(ledger: list[LedgerRow]) -> None:
    spec = two_metrics()
    books = keep_books(only_era(spec), ledger, frozenset())
    found = lateness_of(measure(spec, ledger), spec.smallest_delay_ms)
    assert (found.late, found.events) == (books.late, books.late + books.counted)


@given(ledgers, st.integers(0, 120_000), st.integers(0, 120_000))
def test_a_longer_delay_never_loses_more(ledger: list[LedgerRow], one: int, other: int) -> None:
    measured = measure(two_metrics(), ledger)
    assert late_events(measured, max(one, other)) <= late_events(measured, min(one, other))


@given(ledgers, st.sampled_from([0.0, 0.001, 0.1, 0.5, 1.0]))
def test_the_delay_advised_keeps_to_the_target_and_a_second_less_does_not(
    ledger: list[LedgerRow], target: float
) -> None:
    measured = measure(two_metrics(), ledger)
    allowed = target * sum(pane.events for pane in measured)
    delay = smallest_delay_ms(measured, target)
    if delay is None:
        assert late_events(measured, ALWAYS) > allowed
    else:
        assert late_events(measured, delay) <= allowed
        assert delay == 0 or late_events(measured, delay - 1000) > allowed


@given(st.dictionaries(st.integers(0, 100), st.integers(1, 9), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_weighted_quantile_is_that_of_the_values_one_by_one(weights: dict[int, int], share: float) -> None:
    values = sorted(value for value, weight in weights.items() for _ in range(weight))
    found = quantile(weights, share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_a_quantile_of_nothing_is_none() -> None:
    assert quantile({}, 0.5) is None


def test_lateness_is_measured_from_the_first_instant_of_a_pane() -> None:
    """L = 50 s: 60 s is known. The pane of [10, 20) lies up to 50 s behind, that of [70, 80) ahead."""
    measured = measure(two_metrics(), [ledger_row(0, 50_000, (0, 10, 3), (1, 70, 1))])
    assert [pane.lateness_ms for pane in measured] == [50_000, 0]


def test_what_is_lost_by_a_delay_follows_the_first_window_to_close() -> None:
    """The first window of [10, 20) closes when 20 s and the delay are known: 60 s are, so up to 40 s is too short."""
    (pane,) = measure(two_metrics(), [ledger_row(0, 50_000, (0, 10, 3))])
    assert (pane.overshoot_ms, pane.is_late(40_000), pane.is_late(40_001)) == (40_000, True, False)


def test_before_the_first_watermark_only_what_lies_before_the_epoch_is_late() -> None:
    measured = measure(two_metrics(), [ledger_row(0, 0, (0, -10, 2), (0, 0, 5))])
    assert [(pane.lateness_ms, pane.overshoot_ms) for pane in measured] == [(None, ALWAYS), (None, None)]


def test_partitions_are_measured_apart() -> None:
    measured = measure(two_metrics(), [ledger_row(0, 50_000, (1, 10, 3), (0, 70, 1), (1, 60, 1))])
    found = {partition: lateness_of(panes, 10_000) for partition, panes in by_partition(measured).items()}
    assert {partition: (each.events, each.late, each.share) for partition, each in found.items()} == {
        0: (1, 0, 0.0), 1: (4, 3, 0.75),
    }  # fmt: skip
    assert found[1].quantiles == {"p50": 50_000, "p90": 50_000, "p99": 50_000, "p99.9": 50_000, "max": 50_000}


def test_candidates_are_the_present_the_advised_the_quantiles_and_between() -> None:
    measured = [Measured(0, 90, 0, None), Measured(0, 10, 20_500, 9_000)]
    assert candidates(measured, 10_000, 13_000) == [0, 5_000, 10_000, 12_000, 13_000, 17_000, 21_000]


@pytest.mark.parametrize(("target", "advised"), [(0.0, 41_000), (0.3, 41_000), (0.31, 0)])
def test_the_advice_is_the_smallest_delay_within_the_target(target: float, advised: int) -> None:
    spec = two_metrics()
    ledger = [ledger_row(0, 50_000, (0, 10, 31), (0, 70, 69))]
    advice = advise(spec, ledger, measure(spec, ledger), [], target)
    assert (advice.present_ms, advice.advised_ms) == (10_000, advised)
    at = {choice.delay_ms: choice for choice in advice.choices}
    assert (at[10_000].share, at[10_000].later_ms, at[41_000 if advised else 0].late) == (0.31, 0, 0 if advised else 31)


@pytest.mark.parametrize(("target", "advised"), [(0.05, None), (0.2, 0)])
def test_a_log_of_another_century_is_no_reason_for_a_delay(target: float, advised: int | None) -> None:
    spec = two_metrics()
    ledger = [ledger_row(0, 1_800_000_000_000, (0, 0, 10), (0, 1_800_000_010, 90))]
    advice = advise(spec, ledger, measure(spec, ledger), [], target)
    assert (advice.advised_ms, advice.longest_ms) == (advised, LONGEST_MS)
    assert max(choice.delay_ms for choice in advice.choices) <= LONGEST_MS
    assert {choice.late for choice in advice.choices} == {10}


def test_a_longer_delay_than_the_longest_stays_a_choice_where_it_is_the_present_one() -> None:
    spec = small_spec().model_copy(update={"watermark": 2 * LONGEST_MS})
    ledger = [ledger_row(0, 10_000, (0, 10, 1))]
    assert advise(spec, ledger, measure(spec, ledger), [], 0.0).longest_ms == spec.smallest_delay_ms


def test_without_events_nothing_is_advised() -> None:
    assert advise(two_metrics(), [], [], [], 0.001).advised_ms is None


def test_held_are_the_groups_of_windows_that_have_begun_and_are_not_closed() -> None:
    """60 s known: `a` of (50, 80] has begun, that of (70, 100] has not; `a` of (10, 40] closes at a delay below 20 s,
    `b` of (20, 40] waits 15 s longer."""
    groups = [WindowGroups("a", 40_000_000, 1), WindowGroups("a", 80_000_000, 10), WindowGroups("a", 100_000_000, 100),
              WindowGroups("b", 40_000_000, 1000)]  # fmt: skip
    held = HeldGroups(two_metrics(), groups, [None, 60_000])
    assert [held.under(delay) for delay in (4_000, 10_000, 21_000)] == [(10, 10), (1010, 1010), (1011, 1011)]


def test_no_groups_are_estimated_where_none_are_known() -> None:
    assert HeldGroups(two_metrics(), [], [60_000]).under(10_000) == (None, None)
