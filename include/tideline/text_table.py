"""Rows of a table as lines of text, for a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from tideline.shown_bytes import shown
from tideline.times import iso

_WIDEST: Final = 60
"""Characters to which a column is filled up."""


def cell(value: object) -> str:
    """A value of a table as people read it: a dash for null, lists with commas, numbers to be compared by eye."""
    match value:
        case None:
            return "-"
        case float():
            return _number(value)
        case list():
            return ", ".join(map(str, value))
        case datetime():
            return iso(value)
    return str(value)


def text_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for the columns and one for each row, in columns of one width; one long value widens no other row."""
    cells = [list(columns), *([_shown(row[column]) for column in columns] for row in rows)]
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _shown(value: object) -> str:
    return shown(cell(value).encode("utf-8", "surrogatepass"))


def _number(value: float) -> str:
    """All its whole digits and six decimals at most, below 1 six digits that count within twelve decimals; never an
    exponent."""
    if not isfinite(value):
        return str(value)
    rounded = round(value, 6) if abs(value) >= 1 else float(f"{round(value, 12):.6g}")
    return f"{Decimal(repr(rounded + 0.0)):f}".removesuffix(".0")  # + 0.0: of what rounds to nothing, no -0
