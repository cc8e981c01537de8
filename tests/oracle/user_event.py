"""The rules of the `user-event` format, record by record."""

from __future__ import annotations

from dataclasses import dataclass

from oracle.events import Reject, Rejected
from oracle.json_line import decode, event_time, millionths, text_of
from oracle.parsing import HOUR_MS, text_of_value


@dataclass(frozen=True)
class UserEvent:
    """An event; the time in microseconds, the value in millionths."""

    time_us: int
    user_id: str | None
    action: str | None
    value: int | None
    session_id: str | None
    ip_address: str | None


def parse_user_event(value: bytes | None, kafka_ms: int) -> UserEvent | Reject:
    """The event in a record's value, or why there is none; `kafka_ms` is the record's own timestamp."""
    try:
        event = _parse(text_of_value(value))
    except Rejected as refused:
        return Reject(str(refused))
    return Reject("future_event") if event.time_us > (kafka_ms + HOUR_MS) * 1000 else event


def _parse(text: str) -> UserEvent:
    fields = decode(text)
    time_us, value = event_time(fields.get("timestamp")), millionths("value", fields.get("value"))
    user_id, action, session_id, ip_address = (
        text_of(column, fields.get(column)) for column in ("user_id", "action", "session_id", "ip_address")
    )
    return UserEvent(time_us, user_id, action, value, session_id, ip_address)
