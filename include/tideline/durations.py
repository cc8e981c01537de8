"""Durations as people write them, held as whole milliseconds."""

from __future__ import annotations

import re
from typing import Final

_UNITS = {
    "millisecond": 1,
    "ms": 1,
    "second": 1_000,
    "s": 1_000,
    "minute": 60_000,
    "min": 60_000,
    "m": 60_000,
    "hour": 3_600_000,
    "h": 3_600_000,
    "day": 86_400_000,
    "d": 86_400_000,
}
UNIT: Final = "write a whole number and a unit of ms, s, min, h or d, such as '5 minutes'"
"""What a duration looks like, for whoever wrote none."""

_LONGEST: Final = 36_500 * _UNITS["day"]
"""A hundred years: what is counted from it stays among the dates that every reader knows."""

_DURATION = re.compile(r"(\d+)\s*([a-z]+)", re.IGNORECASE)


def parse_duration(text: str) -> int:
    """Milliseconds in `text`, such as `5 minutes` or `90 s`; ValueError says what a duration looks like."""
    found = _DURATION.fullmatch(text.strip())
    word = found[2].lower() if found else ""
    unit = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
    if found is None or unit is None:
        raise ValueError(f"'{text}' is not a duration: {UNIT}")
    if len(found[1]) > len(str(_LONGEST)) or int(found[1]) * unit > _LONGEST:
        raise ValueError(f"'{text}' is too long: write at most {format_duration(_LONGEST)}")
    return int(found[1]) * unit


def format_duration(milliseconds: int) -> str:
    """The shortest exact form: `format_duration(300_000) == "5 minutes"`."""
    for unit in ("day", "hour", "minute", "second", "millisecond"):
        count, rest = divmod(milliseconds, _UNITS[unit])
        if count and not rest:
            return f"{count} {unit}" + ("s" if count != 1 else "")
    return f"{milliseconds} milliseconds"


def format_span(milliseconds: int) -> str:
    """A measured span in hours, minutes and seconds, rounded up: `format_span(594_000) == "9 min 54 s"`."""
    minutes, seconds = divmod(-(-milliseconds // 1000), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if count]
    return " ".join(parts) or "0 s"
