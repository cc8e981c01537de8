"""Which window is told, with which keys, and what of it is not."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import log_line, small_spec
from support.scraped import scrape, serving, value, values
from tideline.bench.player import Player
from tideline.exporter.at_start import windows_at_start
from tideline.exporter.driver_metrics import DriverMetrics
from tideline.exporter.driver_seen import DriverSeen
from tideline.exporter.labels import NULL
from tideline.exporter.live_windows import MOST_KEYS, MOST_KEYS_EVER, LiveWindows, WindowSeen
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import TIME

S = 1_000_000
COUNTS = {
    "window": "10 seconds",
    "keys": ["service"],
    "measures": {"n": "count", "users": "set(user_id)", "mean": "avg(response_time)", "last": "max(timestamp)"},
    "derived": {"word": "'x'", "many": "n > 2", "half": "n / 2"},
}


def rows(*given: tuple[int, str, int], **columns: list[Any]) -> dict[str, pa.Table]:
    """Rows (window end in s, key as JSON, count) of the metric."""
    ends, keys, counts = zip(*given, strict=True) if given else ((), (), ())
    times = pa.array([end * S for end in ends], pa.int64()).cast(TIME)
    fixed = {"window_end": times, "key": pa.array(keys, pa.string()), "request_count": pa.array(counts, pa.int64())}
    return {"counts": pa.table({**fixed, **columns})}


def told(windows: LiveWindows) -> WindowSeen | None:
    found = windows.seen()
    return found[0] if found else None


def counts(windows: LiveWindows) -> tuple[int, dict[str, float]] | None:
    """The window's end in s, and its counts by service."""
    window = told(windows)
    if window is None:
        return None
    return window.end_us // S, {keys["key_service"]: measures["request_count"] for keys, measures in window.values}


def test_a_window_is_told_once_event_time_has_passed_it() -> None:
    windows = LiveWindows(small_spec())  # a delay of 10 s
    windows.take(rows((10, '["a"]', 1)), 0)
    assert told(windows) is None
    windows.take(rows((10, '["a"]', 2), (20, '["a"]', 1)), 0)
    windows.take({}, 1)  # event time is 10.001 s
    assert counts(windows) == (10, {"a": 2})
    windows.take(rows((10, '["b"]', 1)), 9_999)
    assert counts(windows) == (10, {"a": 2, "b": 1})
    windows.take({}, 10_000)
    assert counts(windows) == (20, {"a": 1})


def test_what_comes_to_an_older_window_does_not_show() -> None:
    windows = LiveWindows(small_spec())
    windows.take(rows((20, '["a"]', 1)), 11_000)
    windows.take(rows((10, '["a"]', 9)), 11_000)
    assert counts(windows) == (20, {"a": 1})


def test_a_stream_that_stands_still_tells_its_last_window() -> None:
    windows = LiveWindows(small_spec())
    windows.take(rows((20, '["a"]', 1)), 900_000)
    windows.take({}, 990_000)
    assert counts(windows) == (20, {"a": 1})


def test_numbers_are_told_and_sets_texts_and_times_are_not() -> None:
    spec = small_spec(counts=COUNTS)
    columns = {
        "n": pa.array([3], pa.int64()),
        "users": pa.array([["u"]], pa.list_(pa.string())),
        "mean": pa.array([None], pa.float64()),
        "last": pa.array([1], TIME),
        "word": pa.array(["x"]),
        "many": pa.array([True]),
        "half": pa.array([1.5]),
    }
    windows = LiveWindows(spec)
    table = pa.table({"window_end": pa.array([10 * S], TIME), "key": pa.array(['["a"]']), **columns})
    windows.take({"counts": table}, 1)
    window = told(windows)
    assert window is not None
    assert window.values == [({"key_service": "a"}, {"n": 3, "half": 1.5})]


def test_of_many_keys_those_of_the_greatest_first_measure_are_told() -> None:
    windows = LiveWindows(small_spec())
    many = [(10, f'["s{number:03}"]', number % 100) for number in range(200)]
    windows.take(rows(*many), 1)
    window = told(windows)
    assert window is not None
    assert (window.groups, len(window.values)) == (200, MOST_KEYS)
    least = min(measures["request_count"] for _, measures in window.values)
    assert least == 75
    again = LiveWindows(small_spec())
    again.take(rows(*reversed(many)), 1)
    assert told(again) == window


def test_of_ten_thousand_keys_over_windows_no_more_are_told_than_a_driver_tells() -> None:
    windows, keys = LiveWindows(small_spec()), set[str]()
    for number in range(1, 201):
        new = [(10 * number, f'["u{key}"]', 1) for key in range(50 * number, 50 * number + 50)]
        windows.take(rows(*new), 10_000 * number)
        keys |= services(windows)
    assert len(keys) == MOST_KEYS_EVER
    last = told(windows)
    assert last is not None
    assert (last.end_us, last.groups, len(last.values)) == (2_000 * S, 50, 0)
    windows.take(rows((2_010, '["u50"]', 1), (2_010, '["new"]', 2)), 2_010_000)
    assert services(windows) == {"u50"}


def services(windows: LiveWindows) -> set[str]:
    """Whose values are told."""
    window = told(windows)
    return {keys["key_service"] for keys, _ in window.values} if window else set()


def test_values_that_are_none_are_the_last_and_infinity_is_told() -> None:
    spec = small_spec(counts={**COUNTS, "measures": {"request_count": "count"}, "derived": {"ratio": "1 / 0"}})
    windows = LiveWindows(spec)
    windows.take(rows((10, '["a"]', 1), (10, "[null]", 2), ratio=[inf, None]), 1)
    window = told(windows)
    assert window is not None
    assert list(window.values) == [
        ({"key_service": NULL}, {"request_count": 2}),
        ({"key_service": "a"}, {"request_count": 1, "ratio": inf}),
    ]


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from([10, 20, 30]), st.sampled_from("abc")), max_size=4), max_size=50))
def test_the_last_row_of_each_group_counts_however_many_batches_came(batches: list[list[tuple[int, str]]]) -> None:
    windows, expected = LiveWindows(small_spec()), dict[str, float]()
    for number, groups in enumerate(batches):
        windows.take(rows(*((end, f'["{key}"]', number) for end, key in dict.fromkeys(groups))), 0)
        expected |= {key: number for end, key in groups if end == 20}
    windows.take({}, 10_000)
    seen = counts(windows)
    assert (seen[1] if seen and seen[0] == 20 else {}) == expected


def test_a_driver_that_begins_tells_the_whole_window(tmp_path: Path) -> None:
    spec = small_spec()
    player = Player(tmp_path, spec)
    player.play(log_line(11, "a"), log_line(12, "b"))
    player.play(log_line(25, "a"))
    last = player.play()
    windows = LiveWindows(spec)
    windows.take(rows((20, '["b"]', 7)), last.watermark_ms)  # a batch was quicker than the look at the start
    windows.put_before(*windows_at_start(player.tables, spec))
    assert counts(windows) == (20, {"a": 1, "b": 7})


def test_a_first_driver_begins_with_nothing(tmp_path: Path) -> None:
    assert windows_at_start(Player(tmp_path, small_spec()).tables, small_spec()) == ({}, 0)


@pytest.mark.parametrize(
    ("service", "label"),
    [('x"} 1\nevil', r'x"} 1\nevil'), ("\x1b]0;t\x07", r"\x1b]0;t\x07"), ("<img src=x>", "<img src=x>")],
)
def test_a_batch_is_told_with_hostile_keys(tmp_path: Path, service: str, label: str) -> None:
    spec = small_spec()
    driver = DriverMetrics(DriverSeen("small", "x", 1, 1, 0), lambda: 1)
    driver.of_metrics(spec, [])
    player = Player(tmp_path, spec)
    published(player, driver)
    for line in (log_line(1, service), log_line(12)):
        player.play(line)
    player.play()
    with serving(driver) as server:
        samples = scrape(server.url)
    assert value(samples, "tideline_window_value", metric="counts", measure="request_count", key_service=label) == 1
    assert value(samples, "tideline_window_groups", metric="counts") == 1
    assert value(samples, "tideline_window_end_timestamp_seconds", metric="counts") == 10
    assert values(samples, "tideline_window_groups_hidden", metric="counts") == [0]


def published(player: Player, driver: DriverMetrics) -> None:
    """From here on the player's driver tells what it publishes."""
    from tideline.tables.live import LivePublisher

    player.publisher = LivePublisher(player.tables, player.eras, player.generation, published=driver.published)


def test_a_metric_without_keys_is_one_series() -> None:
    spec = small_spec(counts={"window": "10 seconds", "measures": {"request_count": "count"}})
    windows = LiveWindows(StreamSpec.model_validate(spec.model_dump(mode="json")))
    windows.take(rows((10, "[]", 4)), 1)
    window = told(windows)
    assert window is not None
    assert window.values == [({}, {"request_count": 4})]


def test_nothing_is_told_of_a_metric_without_rows() -> None:
    windows = LiveWindows(small_spec())
    empty: Mapping[str, pa.Table] = rows()
    windows.take(empty, 50_000)
    assert windows.seen() == []
