"""What is wrong with a spec, and where, as a person reads it: file, line, column, the line itself and a caret."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from tideline.errors import UserError

_SHOWN: Final = 120
"""Characters of a long line that are told, around the fault."""


@dataclass(frozen=True, order=True)
class Problem:
    """One fault at a place of the text; `line` and `column` count from 1, `length` is what the caret underlines."""

    line: int
    column: int
    message: str
    length: int = 1
    hint: str = ""

    def render(self, name: str, lines: list[str]) -> str:
        """The compiler-like form of it, with the line of the text it stands in."""
        head = f"{name}:{self.line}:{self.column}: {self.message}"
        hint = [f"   {self.hint}"] if self.hint else []
        if not 1 <= self.line <= len(lines):
            return "\n".join([head, *hint])
        text, at = _around(_plain(lines[self.line - 1]), self.column - 1)
        caret = " " * at + "^" * max(1, min(self.length, len(text) - at))
        return "\n".join([head, f"{self.line:5} | {text}", f"      | {caret}", *hint])


def _plain(line: str) -> str:
    """As long as the line, and without what a terminal would obey."""
    return "".join(each if each.isprintable() else " " if each == "\t" else "\ufffd" for each in line)


def _around(line: str, at: int) -> tuple[str, int]:
    """The line, or of a long one what stands around a place; and where that place is in it."""
    if len(line) <= _SHOWN:
        return line, at
    start = max(0, min(at - _SHOWN // 2, len(line) - _SHOWN))
    before, after = ("..." if start else ""), ("..." if start + _SHOWN < len(line) else "")
    return f"{before}{line[start : start + _SHOWN]}{after}", at - start + len(before)


class SpecError(UserError):
    """A spec that cannot be used: all its problems, from the first line to the last."""

    def __init__(self, name: str, text: str, problems: Iterable[Problem]) -> None:
        self.name, self.problems = name, sorted(set(problems))
        lines = text.splitlines()
        super().__init__("\n\n".join(problem.render(name, lines) for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "known are") -> str:
    """A hint that names the nearest known word, or all of them when none is near."""
    words = sorted(known)
    near = nearest(word, words)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"{otherwise} {', '.join(words)}" if words else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is like it; None when none is."""
    words = sorted(known)
    near = get_close_matches(word, words, 1) or [other for other in words if other.lower() == word.lower()]
    return near[0] if near else None
