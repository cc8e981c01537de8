from __future__ import annotations

import math
import random
import statistics
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import BY_COMMIT, TIME, correction_schema, group_schema
from tideline.versions import version_of


def inputs(spec: StreamSpec, version: int, *values: bytes) -> pa.Table:
    """The groups of some records as rows that a batch `version` committed."""
    engine = Engine(spec)
    engine.load(records(values))
    groups = engine.merge(engine.cells())
    groups = groups.append_column("version", pa.repeat(pa.scalar(version), len(groups)))
    groups = groups.append_column("batch_at", pa.repeat(pa.scalar(version, TIME), len(groups)))
    rows = groups.select(group_schema(engine.slots).names)
    for field in BY_COMMIT:
        rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows.cast(correction_schema(engine.slots))


def published(
    spec: StreamSpec, parts: list[pa.Table], corrections: list[pa.Table] | None = None, watermark_ms: int = 0
) -> list[dict[str, Any]]:
    publisher = Publisher(spec)
    none = parts[0].slice(0, 0)
    merged = publisher.merge(pa.concat_tables(parts), pa.concat_tables([none, *(corrections or [])]))
    (rows,) = publisher.finish(merged, watermark_ms).values()
    found: list[dict[str, Any]] = rows.sort_by("window_start").to_pylist()
    return found


def measured(measure: str, *values: float | None) -> Any:
    spec = small_spec(a={"window": "10 seconds", "measures": {"m": measure}})
    lines = [log_line(i / 10_000, response_time=value) for i, value in enumerate(values)]
    return published(spec, [inputs(spec, 1, *lines)])[0]["m"]


def test_the_newest_part_of_a_generation_replaces_the_older_ones() -> None:
    spec = small_spec()
    rows = published(spec, [inputs(spec, 1, log_line(1)), inputs(spec, 2, log_line(1), log_line(2))])
    assert [(row["request_count"], row["part_version"]) for row in rows] == [(2, 2)]


def test_a_batch_alone_is_merged_as_with_others() -> None:
    measures = {"n": "count", "s": "sum(response_time)", "u": "set(user_id)", "d": "count_distinct(user_id)"}
    spec = small_spec(
        a={"window": "10 seconds", "keys": ["service"], "measures": measures},
        b={
            "window": "20 seconds",
            "slide": "10 seconds",
            "measures": {"q": "sequence(user_id)", "x": "max(timestamp)"},
        },
    )
    rng = random.Random(3)
    lines = [
        log_line(
            rng.uniform(0, 60), rng.choice("xyz"), user_id=rng.choice([None, "u1", "u2", "u3"]), response_time=0.25
        )
        for _ in range(200)
    ]
    parts, publisher = inputs(spec, 7, *lines), Publisher(spec)
    ways = [publisher.of_batch(parts), publisher.merge(parts, parts.slice(0, 0))]
    first, second = (
        {name: rows.sort_by([("window_end", "ascending"), ("key", "ascending")]) for name, rows in finished.items()}
        for finished in (publisher.finish(way.cast(ways[1].schema), 30_000) for way in ways)
    )
    assert first == second and len(first["a"]) and len(first["b"])


def test_parts_of_two_generations_add_up() -> None:
    spec = small_spec()
    parts = [inputs(spec, version_of(1, 9), log_line(1)), inputs(spec, version_of(2, 0), log_line(2), log_line(3))]
    assert [row["request_count"] for row in published(spec, parts)] == [3]


def test_corrections_are_added_and_counted_as_revisions() -> None:
    spec = small_spec()
    late = [inputs(spec, 5, log_line(2)), inputs(spec, 6, log_line(3), log_line(4))]
    rows = published(spec, [inputs(spec, 1, log_line(1))], late)
    assert [(row["request_count"], row["revision"], row["part_version"]) for row in rows] == [(4, 2, 1)]


def test_a_window_whose_events_were_all_late_appears() -> None:
    spec = small_spec()
    rows = published(spec, [inputs(spec, 1)], [inputs(spec, 5, log_line(2))])
    assert [(row["service"], row["request_count"], row["part_version"]) for row in rows] == [("a", 1, 0)]


@pytest.mark.parametrize(("watermark_ms", "is_open"), [(9_999, True), (10_000, False), (10_001, False)])
def test_a_window_closes_when_the_watermark_reaches_its_end(watermark_ms: int, is_open: bool) -> None:
    spec = small_spec()
    rows = published(spec, [inputs(spec, 1, log_line(1))], watermark_ms=watermark_ms)
    assert [row["is_open"] for row in rows] == [is_open]


def test_averages_and_deviations_are_finished_once_from_exact_sums() -> None:
    values = [0.1] * 10
    assert measured("avg(response_time)", *values) == 0.1
    assert measured("stddev(response_time)", *values) == 0.0


def test_the_sample_deviation_is_that_of_the_textbook() -> None:
    values = [1.5, 2.25, 10.0, 0.000001]
    assert math.isclose(measured("stddev(response_time)", *values), statistics.stdev(values), rel_tol=1e-14)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("sum(response_time)", 3.0), ("avg(response_time)", 1.5), ("min(response_time)", 1.0),
        ("max(response_time)", 2.0), ("count", 3),
    ],
)  # fmt: skip
def test_nulls_do_not_poison_a_window(measure: str, expected: float) -> None:
    assert measured(measure, 1.0, None, 2.0) == expected


@pytest.mark.parametrize("measure", ["sum(response_time)", "avg(response_time)", "max(response_time)"])
def test_a_measure_without_values_is_null(measure: str) -> None:
    assert measured(measure, None) is None


def test_a_deviation_needs_two_values() -> None:
    assert measured("stddev(response_time)", 1.0) is None


def test_huge_values_give_a_deviation_and_no_overflow() -> None:
    values = [999_999_999.0, 1.0] * 60
    assert math.isclose(measured("stddev(response_time)", *values), statistics.stdev(values), rel_tol=1e-9)


@pytest.mark.parametrize(("middle", "half"), [(999_999_000.0, 0.001), (-999_999_000.0, 0.001), (1e6, 1e-6), (0.0, 9e8)])
def test_a_deviation_is_exact_however_large_the_values_and_many(middle: float, half: float) -> None:
    values = [middle - half, middle + half] * 10_000
    assert math.isclose(measured("stddev(response_time)", *values), half * math.sqrt(20_000 / 19_999), rel_tol=1e-14)


@pytest.mark.parametrize(("digits", "sign"), [(15, 1), (15, -1), (12, 1), (3, -1)])
def test_sums_averages_and_extremes_are_the_nearest_doubles(digits: int, sign: int) -> None:
    rng = random.Random(digits)
    measures = {"s": "sum", "a": "avg", "least": "min", "most": "max"}
    spec = small_spec(
        a={
            "window": "1 hour",
            "keys": ["service"],
            "measures": {name: f"{kind}(response_time)" for name, kind in measures.items()},
        }
    )
    groups = [[sign * rng.randrange(10**digits) for _ in range(rng.randint(1, 60))] for _ in range(150)]
    lines = [
        log_line(1, str(number), response_time=float(f"{value}e-6"))
        for number, group in enumerate(groups)
        for value in group
    ]
    rows = published(spec, [inputs(spec, 1, *lines)])
    assert len(rows) == len(groups)
    for row in rows:
        group = groups[int(row["service"])]
        exact = [Fraction(sum(group)), Fraction(sum(group), len(group)), Fraction(min(group)), Fraction(max(group))]
        assert [row[name] for name in measures] == [float(number / 10**6) for number in exact]


def test_derived_columns_read_measures() -> None:
    metric = {
        "window": "10 seconds",
        "measures": {"total": "count", "errors": "count_if(status_code >= 400)"},
        "derived": {"error_rate": "100.0 * errors / total"},
    }
    spec = small_spec(a=metric)
    lines = [log_line(i / 10, status_code=code) for i, code in enumerate((200, 200, 404, 500))]
    assert published(spec, [inputs(spec, 1, *lines)])[0]["error_rate"] == 50.0


def test_distinct_counts_and_sets_are_exact_and_sorted() -> None:
    metric = {"window": "10 seconds", "measures": {"n": "count_distinct(user_id)", "who": "set(user_id)"}}
    spec = small_spec(a=metric)
    lines = [log_line(i / 10, user_id=user) for i, user in enumerate(("z", "a", "z", None))]
    row = published(spec, [inputs(spec, 1, *lines)])[0]
    assert (row["n"], row["who"]) == (2, ["a", "z"])
