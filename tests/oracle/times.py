"""Event times, by the calendar, in whole microseconds since 1970."""

from __future__ import annotations

import re
from datetime import date

FIRST_US = (date(1, 1, 1).toordinal() - date(1970, 1, 1).toordinal()) * 86_400_000_000
LAST_US = (date(9999, 12, 31).toordinal() + 1 - date(1970, 1, 1).toordinal()) * 86_400_000_000 - 1
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_CLOCK = r"([0-9]{2}):([0-9]{2}):([0-9]{2})"
_RFC_3339 = re.compile(
    rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})[Tt ]{_CLOCK}(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{{2}}):([0-9]{{2}}))?"
)
_ACCESS = re.compile(rf"([0-9]{{2}})/([A-Za-z]{{3}})/([0-9]{{4}}):{_CLOCK} ([+-])([0-9]{{2}})([0-9]{{2}})")


def from_epoch_ms(milliseconds: int) -> int | None:
    """None out of the years 1 to 9999."""
    return _in_range(milliseconds * 1000)


def from_rfc_3339(text: str) -> int | None:
    """A blank may stand for the T; no zone means UTC; digits past microseconds are cut off."""
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
    micros = int((found[7] or "")[:6].ljust(6, "0"))
    return _instant((year, month, day), (hour, minute, second), micros, _offset_s(found[8], found[9], found[10]))


def from_access_log(text: str) -> int | None:
    """`10/Oct/2000:13:55:36 -0700`."""
    found = _ACCESS.fullmatch(text)
    if found is None or found[2].lower() not in MONTHS:
        return None
    month = MONTHS.index(found[2].lower()) + 1
    time = (int(found[4]), int(found[5]), int(found[6]))
    return _instant((int(found[3]), month, int(found[1])), time, 0, _offset_s(found[7], found[8], found[9]))


def _offset_s(sign: str | None, hours: str | None, minutes: str | None) -> int | None:
    """Seconds east of UTC, None for no such offset."""
    if sign is None or hours is None or minutes is None:
        return 0
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1)


def _instant(day: tuple[int, int, int], time: tuple[int, int, int], micros: int, offset_s: int | None) -> int | None:
    hour, minute, second = time
    if offset_s is None or hour > 23 or minute > 59 or second > 59:
        return None
    try:
        days = date(*day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_s
    return _in_range(seconds * 1_000_000 + micros)


def _in_range(time_us: int) -> int | None:
    return time_us if FIRST_US <= time_us <= LAST_US else None
