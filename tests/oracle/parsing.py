"""The rules of the `log` format, record by record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from oracle.access_line import parse_access_line
from oracle.events import Event, Reject, Rejected
from oracle.json_line import parse_json

HOUR_MS = 3_600_000
LONGEST = 1_000_000


def parse(value: bytes | None, kafka_ms: int, max_future_ms: int = HOUR_MS) -> Event | Reject:
    """The event in a record's value, or why there is none; `kafka_ms` is the record's own timestamp."""
    try:
        event = _parse(value)
    except Rejected as refused:
        return Reject(str(refused))
    if event.time_us > (kafka_ms + max_future_ms) * 1000:
        return Reject("future_event")
    if not 1000 <= (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.time_us)).year <= 8999:
        return Reject("bad_timestamp")
    return event


def text_of_value(value: bytes | None) -> str:
    if value is None:
        raise Rejected("null_value")
    if len(value) > LONGEST:
        raise Rejected("too_long")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected("not_utf8") from None


def _parse(value: bytes | None) -> Event:
    text = text_of_value(value)
    return parse_json(text) if text.lstrip(" \t\r\n").startswith("{") else parse_access_line(text)
