"""Times as they are told everywhere: ISO 8601, UTC, with Z; a fraction only where there is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def at_us(us: int) -> datetime:
    """Microseconds since the epoch, exactly; OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=us)


def iso(at: datetime) -> str:
    """Seconds, milliseconds or microseconds: as few digits as say all."""
    utc = at.astimezone(UTC)
    digits = "seconds" if not utc.microsecond else "milliseconds" if utc.microsecond % 1000 == 0 else "microseconds"
    return utc.isoformat(timespec=digits).replace("+00:00", "Z")


def plain_text(value: object) -> str:
    """What JSON has no form for: times as they are told everywhere, anything else as its text."""
    return iso(value) if isinstance(value, datetime) else str(value)


def iso_us(us: int) -> str:
    return iso(at_us(us))


def iso_ms(ms: int) -> str:
    return iso_us(ms * 1000)


def iso_watermark(ms: int | None) -> str | None:
    """A watermark of 0 is none yet."""
    return iso_ms(ms) if ms else None


def iso_millis(ms: int) -> str:
    """Always three digits: for lines that are put in the order of their text."""
    return at_us(ms * 1000).isoformat(timespec="milliseconds").replace("+00:00", "Z")
