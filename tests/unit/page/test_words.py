"""How numbers, times and texts from anyone are worded."""

from __future__ import annotations

import pytest

from tideline.page.words import age_text, count_text, harmless, rate_text, seconds_text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (125_000, "2 min 5 s"),
        (3_600_000, "1 h"),
        (3_605_000, "1 h"),
        (7_500_000, "2 h 5 min"),
        (90_061_000, "1 d 1 h"),
    ],
)
def test_an_age_has_its_two_greatest_units(milliseconds: int, text: str) -> None:
    assert age_text(milliseconds) == text


@pytest.mark.parametrize(("rate", "text"), [(None, "-"), (0.0, "0/s"), (0.123, "0.12/s"), (1234.5, "1,234/s")])
def test_a_rate(rate: float | None, text: str) -> None:
    assert rate_text(rate) == text


def test_what_is_not_known_is_a_dash() -> None:
    assert (count_text(None), seconds_text(None), harmless(None)) == ("-", "-", "-")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain <b>", "plain <b>"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\x00", "a\\nb\\x00"),
        ("\u202eevil", "\\u202eevil"),
        ("C:\\x", "C:\\x"),
        ("grün", "grün"),
    ],
)
def test_what_is_not_printed_is_shown(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    assert str(harmless("x" * 30_000)).endswith("... (30,000 characters)")


def test_what_is_no_text_stays() -> None:
    assert harmless(5) == 5
