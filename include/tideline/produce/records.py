"""What traffic is made of: who writes good records, and how bad ones are made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, Protocol

Fields = dict[str, Any]
Maker = Callable[[Fields, Random], bytes | None]


class Drawn(NamedTuple):
    """A record: its value, its exact event time in ms, and the key that it is sent with, if any."""

    value: bytes
    event_time_ms: int
    key: bytes | None = None


class Writer(Protocol):
    """Draws good records."""

    def record(self, time_ms: int) -> Drawn: ...
    def fields(self, time_ms: int) -> Fields: ...


@dataclass(frozen=True)
class Kind:
    """A kind of traffic: its writer, made from a seed and a random stream, and its bad records with their reasons."""

    writer: Callable[[int, Random], Writer]
    malformed: Sequence[tuple[str, Maker]]
