"""How numbers, times and texts from anyone are worded on a page. Pure."""

from __future__ import annotations

from typing import Final

from tideline.shown_bytes import printable
from tideline.times import iso_ms

NONE: Final = "-"
_MOST: Final = 20_000
"""Characters of one text that a page shows."""
_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def harmless(value: object) -> object:
    """A text with all that is not printed escaped: terminal escapes, controls, marks that hide or turn text around.

    Markup of our own and what is no text stays. HTML is escaped later, by the template.
    """
    if type(value) is not str:
        return NONE if value is None else value
    return printable(value if len(value) <= _MOST else f"{value[:_MOST]}... ({len(value):,} characters)")


def count_text(count: int | None) -> str:
    """With commas; `-` for what is not known."""
    return NONE if count is None else f"{count:,}"


def rate_text(rate: float | None) -> str:
    """Records a second: two digits below ten."""
    if rate is None:
        return NONE
    return f"{rate:,.0f}/s" if rate >= 10 or rate == 0 else f"{rate:.2g}/s"


def age_text(milliseconds: int) -> str:
    """The two greatest units: `2 h 5 min`. The page's script words them likewise as time goes on."""
    rest = max(0, milliseconds) // 1000
    parts: list[str] = []
    for size, unit in _STEPS:
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def seconds_text(milliseconds: int | None) -> str:
    return NONE if milliseconds is None else f"{milliseconds / 1000:,.1f} s"


def at_text(milliseconds: int | None) -> str:
    """A time to the second, UTC."""
    return NONE if milliseconds is None else iso_ms(milliseconds // 1000 * 1000)
