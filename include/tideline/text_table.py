"""Rows of a table as lines of text, for a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tideline.shown_bytes import shown
from tideline.times import iso


def cell(value: object) -> str:
    """A value of a table as people read it: six digits, a dash for null, lists with commas."""
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.6g}"
        case list():
            return ", ".join(map(str, value))
        case datetime():
            return iso(value)
    return str(value)


def text_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for the columns and one for each row, in columns of one width."""
    cells = [list(columns), *([_shown(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _shown(value: object) -> str:
    return shown(cell(value).encode("utf-8", "surrogatepass"))
