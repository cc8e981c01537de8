"""How a table tells its values: as a script would print them, so that the two can be compared."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tideline.text_table import cell, text_table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2e13, "20000000000000"),
        (999_999_000.5, "999999000.5"),
        (999_999_999.999_999, "999999999.999999"),
        (123_456_789_012.345_6, "123456789012.3456"),
        (-1_234_567.25, "-1234567.25"),
        (1e22, "10000000000000000000000"),
        (100.0, "100"),
        (100 / 3, "33.333333"),
        (0.1 + 0.2, "0.3"),
        (0.001_234_567_8, "0.00123457"),
        (1.5e-7, "0.00000015"),
        (0.0, "0"),
        (-1e-17, "0"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_has_all_its_whole_digits_and_no_exponent(value: float, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (7, "7"),
        (True, "True"),
        (["a", "b"], "a, b"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
    ],
)
def test_what_else_a_cell_may_hold(value: object, text: str) -> None:
    assert cell(value) == text


def test_a_long_value_widens_no_other_row() -> None:
    key = "k" * 150
    assert text_table(["key", "n"], [{"key": key, "n": 1}, {"key": "a", "n": 2}]) == [
        f"{'key':60}  n",
        f"{key}  1",
        f"{'a':60}  2",
    ]
