"""What a person asks in a form, read. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tideline.errors import UserError

_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_FIX: Final = "write it as 2026-01-31T10:00:00Z, or as milliseconds since the epoch"


def window_start_us(text: str) -> int:
    """A window's start in us: RFC 3339, UTC where no zone is given, or milliseconds; UserError for what is no time."""
    asked = text.strip()
    if asked.removeprefix("-").isdecimal():
        if not _FIRST_MS <= int(asked) <= _LAST_MS:
            raise UserError(f"'{asked}' lies outside the years 1 to 9999", _FIX)
        return int(asked) * 1000
    try:
        at = datetime.fromisoformat(asked)
    except ValueError:
        raise UserError(f"'{asked}' is not a time", _FIX) from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)
