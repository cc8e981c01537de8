"""Rules scaled down keep their meaning: each `for` and each range is shorter, and nothing else is changed."""

from __future__ import annotations

import pytest

from support.rule_files import milliseconds, scaled


def test_a_for_and_every_range_are_scaled_and_limits_are_not() -> None:
    rule = {"alert": "A", "expr": "increase(a[15m]) > 900 and min_over_time(b[1h]) < 5", "for": "5m", "labels": {}}
    document = {"groups": [{"name": "g", "rules": [rule]}]}
    (done,) = scaled(document, 1 / 60)["groups"][0]["rules"]
    expression = "increase(a[15000ms]) > 900 and min_over_time(b[60000ms]) < 5"
    assert done == rule | {"expr": expression, "for": "5000ms"}
    assert rule["for"] == "5m"


def test_a_recording_rule_has_no_for() -> None:
    document = {"groups": [{"name": "g", "rules": [{"record": "a", "expr": "b"}]}]}
    assert scaled(document, 0.5) == document


@pytest.mark.parametrize(("text", "expected"), [("250ms", 250), ("1s", 1_000), ("2h", 7_200_000)])
def test_durations_are_read(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "1h30m", "m"])
def test_what_is_no_duration_with_one_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        milliseconds(text)
