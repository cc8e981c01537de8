"""What an exception was caused by: found by the structure of its text, as Java and Python write their traces.

A cause is a line of its own that begins with the exception's name. Words within a message or a stack frame are none: a
stateful plan's frames name the state store whatever the failure was.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_BEFORE: Final = r'(?:.* \(\S+ executor \w+\): |Caused by: |: |Exception in thread "[^"]*" )?'
_NAME: Final = r"(?P<name>(?:[\w$]+\.)+[A-Z][\w$]*|[A-Z]\w*(?:Error|Exception|Interrupt|Exit))"
_NAMED: Final = re.compile(rf"{_BEFORE}{_NAME}(?:: ?(?P<message>.*))?")
_CONDITION: Final = re.compile(r"(?:^|[.:] )\[([A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\] ")
_RAISED_FROM: Final = "The above exception was the direct cause of the following exception:"
_CHANGES: Final = re.compile(r"\b(?:0x)?[0-9a-f-]*\d[0-9a-f-]*\b")
_LONGEST: Final = 300


@dataclass(frozen=True)
class Cause:
    """One exception of a chain: its class, Spark's error condition if it has one, and the first line it says."""

    name: str
    condition: str | None
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.name.rpartition(".")[2], self.message) if part)[:_LONGEST]

    def fingerprint(self) -> str:
        """The same for the same exception met again, whatever numbers and ids it names: 16 hex digits."""
        what = f"{self.name}\n{self.condition}\n{_CHANGES.sub('#', self.message)}"
        return hashlib.sha256(what.encode()).hexdigest()[:16]


def causes_of(lines: Iterable[str]) -> list[Cause]:
    """The exceptions that these lines name, each before what caused it: the innermost is the last."""
    found: list[Cause] = []
    is_outer = False
    for line in lines:
        cause = _cause(line)
        if cause is not None:
            found.insert(len(found) - is_outer, cause)
            is_outer = False
        elif line.strip() == _RAISED_FROM and found:
            is_outer = True
    return found


def _cause(line: str) -> Cause | None:
    named = _NAMED.fullmatch(line)
    if named is None and not line.startswith("["):
        return None
    name, message = (named["name"], named["message"] or "") if named else ("", line)
    conditions: list[str] = _CONDITION.findall(message)
    if named is None and not any("_" in condition for condition in conditions):  # [INFO] is none
        return None
    return Cause(name, conditions[-1] if conditions else None, message)
