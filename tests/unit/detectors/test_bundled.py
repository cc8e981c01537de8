"""The detectors of the project's own streams, each on lines that just are an anomaly and on lines that just are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.records import log_line
from tideline.home import PROJECT_SPECS
from tideline.spec.load import find_spec, load_spec
from tideline.trial import try_lines

SPECS = {name: load_spec(find_spec(name, PROJECT_SPECS)) for name in ("log-metrics", "user-events")}


def anomalies(stream: str, lines: list[bytes]) -> list[tuple[str, int, str, float]]:
    """(detector, window start in s, key, observed)."""
    rows = try_lines(SPECS[stream], lines, 1_000_000).anomalies.to_pylist()
    return [(row["kind"], round(row["window_start"].timestamp()), row["key"], row["observed"]) for row in rows]


def requests(count: int, *, users: int = 50, services: int = 1, minute: int = 0, **fields: Any) -> Iterator[bytes]:
    """So many logs of one client, spread over a minute."""
    for number in range(count):
        at = minute * 60 + number * 60 / count
        yield log_line(at, f"s{number % services}", ip_address="9.9.9.9", user_id=f"u{number % users}", **fields)


@pytest.mark.parametrize(("count", "users", "found"), [(101, 4, True), (100, 4, False), (101, 5, False)])
def test_d9_denial_of_service(count: int, users: int, found: bool) -> None:
    expected = [("ddos", 0, '["9.9.9.9"]', 101.0)] if found else []
    assert anomalies("log-metrics", list(requests(count, users=users))) == expected


@pytest.mark.parametrize(("count", "services", "found"), [(1001, 6, True), (1000, 6, False), (1001, 5, False)])
def test_d8_suspicious_client(count: int, services: int, found: bool) -> None:
    expected = [("suspicious_ip", 0, '["9.9.9.9"]', 1001.0)] if found else []
    assert anomalies("log-metrics", list(requests(count, services=services))) == expected


@pytest.mark.parametrize(("errors", "found"), [(3, True), (2, False)])
def test_d7_error_rate_spike_against_the_window_before_that_exists(errors: int, found: bool) -> None:
    before = [log_line(second, status_code=500 if second == 0 else 200) for second in range(10)]
    after = [log_line(180 + second, status_code=500 if second < errors else 200) for second in range(10)]
    expected = [("error_rate_spike", 180, '["a"]', 30.0)] if found else []
    assert anomalies("log-metrics", [*before, *after]) == expected


@pytest.mark.parametrize(("last", "found"), [(0.366, True), (0.365, False)])
def test_d6_response_time_against_the_ten_windows_before(last: float, found: bool) -> None:
    times = [5.0, *(0.1 * (number % 3) + 0.1 for number in range(10)), last]  # the first is not among the ten
    lines = [log_line(60 * minute, response_time=seconds) for minute, seconds in enumerate(times)]
    late_windows = [each for each in anomalies("log-metrics", lines) if each[1] == 660]
    assert late_windows == ([("response_time_anomaly", 660, '["a"]', last)] if found else [])


@pytest.mark.parametrize(("count", "found"), [(51, 2), (50, 0)])
def test_b7_hot_user(count: int, found: int) -> None:
    lines = [json.dumps({"timestamp": 300_000 + number, "user_id": "u", "action": "view"}) for number in range(count)]
    hot = anomalies("user-events", [line.encode() for line in lines])
    assert [each[0] for each in hot] == ["hot_user"] * found
