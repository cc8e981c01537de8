"""What a record is to the oracle: an event, or a reject with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TEXT_COLUMNS = ("level", "service", "message", "ip_address", "user_id", "request_id", "error_code")


class Record(NamedTuple):
    """A Kafka record: its value and timestamp, and where it stands."""

    value: bytes | None
    kafka_ms: int
    partition: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Event:
    """A log event and where it stands; times are microseconds, `response_time` is millionths of a second."""

    time_us: int
    response_time: int | None = None
    status_code: int | None = None
    level: str | None = None
    service: str | None = None
    message: str | None = None
    ip_address: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    error_code: str | None = None
    partition: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Reject:
    """A record that is no event."""

    reason: str


class Rejected(Exception):
    """Raised inside the oracle where a rule refuses a record."""
