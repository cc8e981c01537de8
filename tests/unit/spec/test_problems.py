"""How a fault of a spec is shown: its line, and a caret below the very place."""

from __future__ import annotations

import pytest

from tideline.spec.problems import Problem

SHOWN = 120


def shown(line: str, at: int, length: int = 1) -> tuple[str, str]:
    """The line as it is told, and what the caret stands below."""
    told, caret = Problem(1, at + 1, "wrong", length).render("a.yaml", [line]).splitlines()[1:]
    return told[8:], told[caret.index("^") : caret.rindex("^") + 1]


def test_a_short_line_is_told_whole() -> None:
    assert shown("watermark: 5 minute", 11, 8) == ("watermark: 5 minute", "5 minute")


@pytest.mark.parametrize("at", [0, 59, 60, 61, 500, 930, 939, 940, 995])
def test_of_a_long_line_what_stands_around_the_fault_is_told(at: int) -> None:
    line = f"{'a' * at}wrong{'b' * (995 - at)}"
    told, marked = shown(line, at, 5)
    assert marked == "wrong"
    assert told.strip(".") in line and len(told.strip(".")) == SHOWN
    assert (told.startswith("..."), told.endswith("...")) == (at > SHOWN / 2, at < 1000 - SHOWN / 2)


def test_the_caret_of_a_fault_at_the_end_of_a_long_line_stands_behind_it() -> None:
    told, caret = Problem(1, 1001, "wrong").render("a.yaml", ["a" * 1000]).splitlines()[1:]
    assert caret.index("^") == len(told)


def test_a_terminal_obeys_nothing_of_a_line() -> None:
    assert shown("a\tb\x1b[31mc\x9d", 8) == ("a b\ufffd[31mc\ufffd", "c")
