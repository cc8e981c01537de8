"""Every late case has a test that bears its number: on the rule, and where Spark has a say, on Spark."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
CASES = frozenset(range(1, 37))
ON_BOTH_SIDES = frozenset({*range(1, 6), *range(7, 12), *range(14, 27), *range(29, 32), 36})
ONLY_SPARK = frozenset({36})


def numbers(folder: str) -> frozenset[int]:
    """The cases that have a test under a folder of the tests."""
    texts = (path.read_text() for path in (TESTS / folder).rglob("test_*.py"))
    return frozenset(int(number) for text in texts for number in re.findall(r"^def test_case_(\d\d)_", text, re.M))


def test_every_case_has_a_test_on_the_rule() -> None:
    assert sorted(CASES - ONLY_SPARK - numbers("unit")) == []


def test_every_case_on_which_spark_has_a_say_has_a_test_on_spark() -> None:
    assert sorted(ON_BOTH_SIDES - numbers("spark")) == []


def test_no_test_bears_a_number_that_is_no_case() -> None:
    assert sorted((numbers("unit") | numbers("spark")) - CASES) == []
