"""Measures and tables, against numbers worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from math import isclose, nextafter
from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.events import Event, Record
from oracle.lateness import Batch, late_by_rule
from oracle.measures import Value, measure
from oracle.tables import expected, key_of, window_starts
from tideline.home import CHECKOUT
from tideline.spec.load import load_spec, parse_spec
from tideline.spec.model import Metric, StreamSpec

MINUTE_US = 60_000_000


def bundled() -> StreamSpec:
    return load_spec(CHECKOUT / "include" / "streams" / "log-metrics.yaml")


def times(*millionths: int | None) -> list[Event]:
    return [Event(0, response_time=value) for value in millionths]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("count", 4),
        ("sum(response_time)", 6.0),
        ("avg(response_time)", 2.0),
        ("min(response_time)", 1.0),
        ("max(response_time)", 3.0),
        ("stddev(response_time)", 1.0),
        ("count_distinct(response_time)", 3),
        ("count_if(response_time <= 1.0)", 1),
    ],
)
def test_measures_leave_nulls_out(text: str, value: Value) -> None:
    assert measure(text, times(1_000_000, 2_000_000, 3_000_000, None)) == value


@pytest.mark.parametrize("text", ["sum", "avg", "min", "max", "stddev"])
def test_measures_of_nothing_are_null(text: str) -> None:
    assert measure(f"{text}(response_time)", times(None)) is None


def test_the_deviation_of_one_value_is_null() -> None:
    assert measure("stddev(response_time)", times(5)) is None


def test_sets_are_sorted_and_hold_each_value_once() -> None:
    events = [Event(0, service=name) for name in ("b", None, "a", "b", "Z")]
    assert measure("set(service)", events) == ["Z", "a", "b"]
    assert measure("count_distinct(service)", events) == 3


@given(st.lists(st.integers(-(10**15), 10**15), min_size=2, max_size=20))
def test_averages_are_the_nearest_float(values: list[int]) -> None:
    found = measure("avg(response_time)", times(*values))
    assert isinstance(found, float)
    exact = Fraction(sum(values), len(values) * 10**6)
    others = (nextafter(found, float("-inf")), nextafter(found, float("inf")))
    assert all(abs(Fraction(found) - exact) <= abs(Fraction(other) - exact) for other in others)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=20))
def test_deviations_agree_with_the_standard_library(values: list[int]) -> None:
    found = measure("stddev(response_time)", times(*values))
    assert isinstance(found, float)
    assert isclose(found, stdev(Fraction(value, 10**6) for value in values), rel_tol=1e-15)


@given(st.integers(-(10**15), 10**15), st.sampled_from([(1, 1), (5, 1), (10, 5), (2, 1)]))
def test_windows_hold_their_time_and_are_as_many_as_they_should(time_us: int, shape: tuple[int, int]) -> None:
    window, slide = shape[0] * 60_000, shape[1] * 60_000
    starts = list(window_starts(time_us, Metric(window=window, slide=slide, measures={"n": "count"})))
    assert len(set(starts)) == shape[0] // shape[1]
    assert all(start % slide == 0 and start * 1000 <= time_us < (start + window) * 1000 for start in starts)


def test_keys_are_texts() -> None:
    metric = Metric(window=1, keys=("service", "status_code", "response_time"), measures={"n": "count"})
    assert key_of(Event(0, 1_250_000, 404, service="a"), metric) == ("a", "404", "1.250000")
    assert key_of(Event(0, -250_000), metric) == (None, None, "-0.250000")


def access(minute: int, status: int, path: str = "a", host: str = "h", user: str = "-") -> bytes:
    return f'{host} - {user} [01/Jan/2026:00:{minute:02}:30 +0000] "GET /{path}" {status} 1'.encode()


NEW_YEAR_MS = 1_767_225_600_000


def test_the_bundled_stream_on_a_few_lines() -> None:
    lines = [access(0, 200, user="u"), access(0, 500, "b"), access(1, 404), b"junk", None]
    tables = expected([Record(line, NEW_YEAR_MS + 3_600_000) for line in lines], bundled())
    assert tables["error_rate"] == {
        (NEW_YEAR_MS, ("a",)): {"total_requests": 1, "error_count": 0, "error_rate": 0.0},
        (NEW_YEAR_MS, ("b",)): {"total_requests": 1, "error_count": 1, "error_rate": 100.0},
        (NEW_YEAR_MS + 60_000, ("a",)): {"total_requests": 1, "error_count": 1, "error_rate": 100.0},
    }
    assert tables["ip_patterns"] == {
        (NEW_YEAR_MS, ("h",)): {"request_count": 3, "unique_users": 1, "services_used": ["a", "b"]}
    }
    assert tables["system_health"][NEW_YEAR_MS, ()] == {
        "total_requests": 2,
        "active_services": 2,
        "active_users": 1,
        "avg_response_time": None,
        "error_count": 1,
        "error_rate": 50.0,
        "health_score": 40,
    }


SLIDING = """\
name: s
source: {topic: t}
watermark: 1 minute
metrics:
  short: {window: 1 minute, measures: {n: count}}
  long: {window: 4 minutes, slide: 2 minutes, watermark: 3 minutes, keys: [service], measures: {n: count}}
"""


def test_lateness_is_told_for_each_window() -> None:
    record = Record(access(3, 200), NEW_YEAR_MS + 3_600_000, partition=1, offset=7)
    spec = parse_spec(SLIDING, "s.yaml")

    def late(minute: float) -> set[tuple[str, int]]:
        batch = Batch(NEW_YEAR_MS + round(minute * 60_000), {1: (7, 8)})
        pairs = late_by_rule([batch], [record], spec)
        return {(pair.metric, (pair.window_start_ms - NEW_YEAR_MS) // 60_000) for pair in pairs}

    # short's window ends at minute 4; long's at 4 and 6, and drop 2 minutes later than their end
    assert late(3.99) == set()
    assert late(4) == {("short", 3)}
    assert late(6) == {("short", 3), ("long", 0)}
    assert late(8) == {("short", 3), ("long", 0), ("long", 2)}


def test_only_the_batch_that_read_a_record_decides() -> None:
    spec = parse_spec(SLIDING, "s.yaml")
    record = Record(access(3, 200), NEW_YEAR_MS + 3_600_000, partition=0, offset=7)
    batches = [Batch(0, {0: (0, 8)}), Batch(10**15, {0: (8, 20), 1: (0, 20)})]
    assert late_by_rule(batches, [record], spec) == set()


def test_rejects_are_never_late() -> None:
    batch = Batch(10**15, {0: (0, 10)})
    assert late_by_rule([batch], [Record(b"junk", 0, 0, 1)], parse_spec(SLIDING, "s.yaml")) == set()
