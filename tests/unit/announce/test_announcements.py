"""Up to when a table is complete: the arithmetic, and that it agrees with the rule by which windows close."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import small_spec
from tideline.announcements import Announcement, Event, closed_ms, complete_to_us, completions, corrected
from tideline.generations import Era, only_era
from tideline.lateness import EVERY_WINDOW, Bounds, extra_delay_us
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.table_uri import table_uri

COUNT = {"keys": ["service"], "measures": {"n": "count"}}
SECOND = 1_000_000


def spec() -> StreamSpec:
    return small_spec(
        plain=COUNT | {"window": "10 seconds"},
        sliding=COUNT | {"window": "7 seconds", "slide": "3 seconds"},
        patient=COUNT | {"window": "1 minute", "watermark": "25 seconds"},
    )


@given(metric=st.sampled_from(["plain", "sliding", "patient"]), watermark_ms=st.integers(1, 1_000_000))
def test_it_is_the_last_window_that_the_watermark_has_passed(metric: str, watermark_ms: int) -> None:
    end = complete_to_us(spec(), metric, watermark_ms)
    assert end is not None
    slide, window = spec().metrics[metric].slide_ms * 1000, spec().metrics[metric].window * 1000
    assert (end - window) % slide == 0
    drop_at = end + extra_delay_us(spec(), metric)
    assert drop_at <= watermark_ms * 1000 < drop_at + slide


def test_without_a_watermark_nothing_is_complete() -> None:
    assert complete_to_us(spec(), "plain", 0) is None


def test_what_grew_is_told_from_where_it_was() -> None:
    told = {"plain": 20 * SECOND, "sliding": 34 * SECOND}
    found = list(completions(spec(), 36_000, told, behind={"patient"}))
    assert found == [Announcement("plain", Event.COMPLETE, 20 * SECOND, 30 * SECOND)]
    assert found[0].as_extra() == {
        "event": "complete",
        "complete_from": "1970-01-01T00:00:20Z",
        "complete_to": "1970-01-01T00:00:30Z",
    }


@pytest.mark.parametrize(("last_commit", "watermark"), [(None, 5), (6, 5), (7, 9), (8, 9)])
def test_a_batch_counts_once_its_publication_is_over(last_commit: int | None, watermark: int) -> None:
    row = LedgerRow(1 << 32 | 7, 1, "t", "id", 0, 5, 9, "f", "c", {}, (), (), 1)
    assert closed_ms(row, last_commit) == watermark


def test_corrected_windows_are_told_by_where_they_begin() -> None:
    windows = [("plain", 20 * SECOND), ("plain", 50 * SECOND), ("sliding", 10 * SECOND), ("gone", SECOND)]
    assert corrected(only_era(spec()), windows) == [
        Announcement("plain", Event.CORRECTED, 10 * SECOND, 50 * SECOND),
        Announcement("sliding", Event.CORRECTED, 3 * SECOND, 6 * SECOND),
    ]


def test_a_window_is_as_long_as_it_was_by_the_spec_that_owns_it() -> None:
    longer = small_spec(plain=COUNT | {"window": "20 seconds"})
    eras = (
        Era(spec(), 1, 1, Bounds(EVERY_WINDOW.after_us, 20 * SECOND), 0),
        Era(longer, 2, 2, Bounds(20 * SECOND, EVERY_WINDOW.until_us), 0),
    )
    assert corrected(eras, [("plain", 20 * SECOND), ("plain", 40 * SECOND)]) == [
        Announcement("plain", Event.CORRECTED, 10 * SECOND, 40 * SECOND)
    ]


def test_a_table_has_one_name() -> None:
    assert table_uri("log-metrics", "error_rate") == "tideline://log-metrics/error_rate"
