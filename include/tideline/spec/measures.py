"""What a measure may say: `count`, `count_if(CONDITION)`, `avg(COLUMN)` and their kin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

_CALL = re.compile(r"([A-Za-z_]+)\s*(?:\((.*)\))?", re.DOTALL)


class MeasureKind(StrEnum):
    """The monoids a measure can be."""

    COUNT = "count"
    COUNT_IF = "count_if"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    STDDEV = "stddev"
    COUNT_DISTINCT = "count_distinct"
    APPROX_COUNT_DISTINCT = "approx_count_distinct"
    SET = "set"
    SEQUENCE = "sequence"


LISTS: Final = frozenset({MeasureKind.SET, MeasureKind.SEQUENCE})


@dataclass(frozen=True)
class Measure:
    """One measure of a metric; `argument` is a column, or for `count_if` a condition in DuckDB SQL."""

    kind: MeasureKind
    argument: str | None = None


def parse_measure(text: str) -> Measure:
    """The measure written as `text`; ValueError names the nearest known one."""
    found = _CALL.fullmatch(text.strip())
    name, argument = (found[1], found[2]) if found else (text, None)
    if name not in set(MeasureKind):
        near = get_close_matches(name.lower(), list(MeasureKind), 1)
        hint = f"did you mean '{near[0]}'?" if near else "known are " + ", ".join(MeasureKind)
        raise ValueError(f"'{name}' is not a measure: {hint}")
    kind = MeasureKind(name)
    argument = argument.strip() if argument else None
    if kind is MeasureKind.COUNT and argument:
        raise ValueError(f"'{text}' takes no argument: write count, or count_if(CONDITION)")
    if kind is not MeasureKind.COUNT and not argument:
        what = "CONDITION" if kind is MeasureKind.COUNT_IF else "COLUMN"
        raise ValueError(f"'{text}' lacks its argument: write {kind}({what})")
    return Measure(kind, argument)
