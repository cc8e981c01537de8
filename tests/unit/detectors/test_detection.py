"""Detectors over closed windows, each beside the same rule in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tideline.engine.detection import affected, detect
from tideline.spec.detectors import AnyDetector, Detector, Rise, Threshold, ZScore

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
Z = ZScore(kind="zscore", metric="m", observed="x")
RISE = Rise(kind="rise", metric="m", observed="x", by=10)
Row = tuple[int, str, float | None]
"""A window's number, its key and its value."""


def table(rows: Sequence[Row], **more: list[Any]) -> pa.Table:
    time = pa.timestamp("us", "UTC")
    columns = {
        "window_start": pa.array([START + n * MINUTE for n, _, _ in rows], time),
        "window_end": pa.array([START + (n + 1) * MINUTE for n, _, _ in rows], time),
        "key": pa.array([key for _, key, _ in rows], pa.string()),
        "x": pa.array([value for _, _, value in rows], pa.float64()),
    }
    return pa.table(columns | {name: pa.array(values) for name, values in more.items()})


def found(detector: AnyDetector, rows: Sequence[Row]) -> list[tuple[int, str]]:
    anomalies = detect(detector, table(rows)).to_pylist()
    return [(round((each["window_start"] - START) / MINUTE), each["key"]) for each in anomalies]


def of_one_key(*values: float | None) -> list[Row]:
    return [(number, "a", value) for number, value in enumerate(values)]


def test_a_window_far_from_those_before_it_is_an_anomaly() -> None:
    (anomaly,) = detect(Z, table(of_one_key(1, 2, 3, 9))).to_pylist()
    assert (anomaly["observed"], anomaly["expected"], anomaly["score"]) == (9, 2, 7)
    assert anomaly["window_start"] == START + 3 * MINUTE


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ((1, 2, 9), []),  # two before it are too few
        ((1, 2, 3, 4), []),  # exactly two deviations are not beyond
        ((1, 2, 3, 4.0000001), [3]),
        ((1, 2, 3, -9), [3]),
        ((5, 5, 5, 5), []),
        ((5, 5, 5, 5.1), [3]),  # no deviation: any other value
        ((1, None, 2, None, 3, 9), [5]),  # a window without a value is none
        ((1, 2, 3, math.nan, 9), [4]),
    ],
)
def test_what_came_before_decides(values: tuple[float | None, ...], numbers: list[int]) -> None:
    assert [number for number, _ in found(Z, of_one_key(*values))] == numbers


def test_where_all_before_are_equal_there_is_no_score() -> None:
    (anomaly,) = detect(Z, table(of_one_key(5, 5, 5, 6))).to_pylist()
    assert (anomaly["expected"], anomaly["score"]) == (5, None)


def test_only_the_last_windows_count_and_each_key_has_its_own() -> None:
    old = [100.0] + [1.0, 2.0] * 5
    assert [number for number, _ in found(Z, of_one_key(*old, 100))] == [11]
    apart = [(n * 7, "a", v) for n, v in enumerate((1.0, 2.0, 3.0, 9.0))] + [(n, "b", 50.0) for n in range(28)]
    assert found(Z, apart) == [(21, "a")]


def test_a_rise_is_above_the_window_before_by_more_than_asked() -> None:
    values = of_one_key(0, 10, 20.5, None, 30.4, 41, 5, 16)
    assert [number for number, _ in found(RISE, values)] == [2, 5, 7]
    (first, *_) = detect(RISE, table(values)).to_pylist()
    assert (first["observed"], first["expected"], first["score"]) == (20.5, 10, 10.5)


def test_a_threshold_is_a_condition_on_the_row() -> None:
    rows = [
        (n, key, float(count)) for n, (key, count) in enumerate([("a", 1001), ("b", 1000), ("c", 2000), ("d", 5000)])
    ]
    services = [[str(n) for n in range(size)] for size in (6, 6, 5, 0)]
    detector = Threshold(kind="threshold", metric="m", observed="x", when="x > 1000 and len(services) > 5")
    assert [each["key"] for each in detect(detector, table(rows, services=services)).to_pylist()] == ["a"]


def test_a_condition_that_fails_on_a_row_does_not_hold_for_it() -> None:
    detector = Threshold(kind="threshold", metric="m", observed="x", when="(key::integer) > 1")
    assert found(detector, [(0, "a", 1.0), (1, "2", 1.0)]) == [(1, "2")]


VALUES = st.one_of(st.none(), st.integers(0, 12).map(float))
ROWS = st.lists(
    st.tuples(st.integers(0, 15), st.sampled_from("ab"), VALUES), max_size=24, unique_by=lambda row: row[:2]
)


def rule(detector: AnyDetector, rows: Sequence[Row]) -> list[tuple[int, str]]:
    """The same in plain Python."""
    anomalies = []
    for number, key, value in sorted(rows):
        before = [v for n, k, v in sorted(rows) if k == key and n < number and v is not None]
        if value is None:
            continue
        match detector:
            case Rise() if before and value - before[-1] > detector.by:
                anomalies.append((number, key))
            case ZScore() if len(before := before[-detector.windows :]) >= detector.at_least:
                mean = sum(before) / len(before)
                deviation = math.sqrt(sum((v - mean) ** 2 for v in before) / (len(before) - 1))
                if abs(value - mean) > detector.beyond * deviation and not math.isclose(
                    abs(value - mean), detector.beyond * deviation, rel_tol=1e-12
                ):
                    anomalies.append((number, key))
    return anomalies


DETECTORS = st.sampled_from(
    [
        RISE.model_copy(update={"by": 2.0}),
        Z.model_copy(update={"beyond": 1.3, "windows": 4}),
        Z.model_copy(update={"beyond": 0.7, "at_least": 2}),
    ]
)


@settings(max_examples=300, deadline=None)
@given(DETECTORS, ROWS)
def test_the_verdicts_are_those_of_the_rule(detector: Rise | ZScore, rows: list[Row]) -> None:
    assert found(detector, rows) == rule(detector, rows)


@settings(max_examples=200, deadline=None)
@given(DETECTORS, ROWS, ROWS, st.integers(0, 10**6))
def test_no_verdict_changes_outside_what_a_correction_affects(
    detector: Rise | ZScore, before: list[Row], corrected: list[Row], pick: int
) -> None:
    changes = corrected[: pick % 3]
    after = [row for row in before if row[:2] not in {change[:2] for change in changes}] + changes
    groups = affected(detector, table(after), table(changes))
    reached = {
        (round((end - START) / MINUTE) - 1, key)
        for end, key in zip(groups["window_end"].to_pylist(), groups["key"].to_pylist(), strict=True)
    }
    differing = set(found(detector, before)) ^ set(found(detector, after))
    assert differing <= reached


def test_as_many_windows_as_look_back_are_affected() -> None:
    rows = table([(n, key, None if n == 3 else 1.0) for n in (0, 1, 2, 3, 5, 9) for key in "ab"])
    changed = table([(1, "a", 1.0)])
    groups = affected(Z.model_copy(update={"windows": 2}), rows, changed)
    ends = [round((end - START) / MINUTE) - 1 for end in groups["window_end"].to_pylist()]
    assert (ends, set(groups["key"].to_pylist())) == ([1, 2, 5], {"a"})


DAY = 24 * 60


@pytest.mark.parametrize(("days", "found_there"), [(29, True), (31, False)])
def test_no_verdict_looks_back_further_than_thirty_days(days: int, found_there: bool) -> None:
    later = days * DAY
    assert bool(found(RISE, [(0, "a", 1.0), (later, "a", 50.0)])) is found_there
    assert bool(found(Z, [(0, "a", 1.0), (1, "a", 2.0), (2, "a", 3.0), (later, "a", 50.0)])) is found_there


def test_a_detector_is_read_by_its_kind() -> None:
    read = TypeAdapter(Detector).validate_python
    assert read({"kind": "zscore", "metric": "m", "observed": "x"}) == Z
    assert read({"kind": "rise", "metric": "m", "observed": "x", "by": 10}) == RISE
