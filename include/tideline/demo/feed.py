"""What the demo sends: a user's own log, or seeded traffic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from tideline.errors import UserError
from tideline.produce.lines import FileSource
from tideline.produce.traffic import Tag, Traffic

SECONDS = 75  # long enough that the stream is deployed and killed under traffic
TRAFFIC_RATE = 120.0


@dataclass(frozen=True)
class Message:
    """One record to send; traffic tells by its tag what must become of it."""

    value: bytes | None
    tag: str = ""


class Feed(Protocol):
    """Messages in two parts: the second is sent once the watermark has passed what it belongs to."""

    rate: float
    total: int
    on_time_count: int
    about: str

    def on_time(self) -> Iterator[Message]: ...

    def held_back(self) -> Iterator[Message]: ...


class FileFeed:
    """A file's lines as they are; each `late_every`th is held back. UserError if too few are left."""

    def __init__(self, path: Path, late_every: int) -> None:
        self._source = FileSource(path, late_every)
        self.total = sum(1 for _ in self._source)
        self.on_time_count = sum(1 for _ in self._source.on_time())
        _require_lines(path, self.on_time_count)
        self.rate = max(50.0, self.total / SECONDS)
        self.about = f"{path.name}, one line in {late_every} held back"

    def on_time(self) -> Iterator[Message]:
        return (Message(line) for line in self._source.on_time())

    def held_back(self) -> Iterator[Message]:
        return (Message(line) for line in self._source.held_back())


class TrafficFeed:
    """Seeded traffic that begins two hours ago and runs 60 times real time; its late events are held back."""

    rate = TRAFFIC_RATE
    total = round(SECONDS * TRAFFIC_RATE)

    def __init__(self, seed: int, now_ms: int) -> None:
        self._events = Traffic(seed, TRAFFIC_RATE, Traffic.start_before(now_ms))
        self.on_time_count = sum(1 for _ in self.on_time())
        self.about = f"seeded traffic ({seed}) from two hours ago, 60 times real time"

    def on_time(self) -> Iterator[Message]:
        return self._messages(late=False)

    def held_back(self) -> Iterator[Message]:
        return self._messages(late=True)

    def _messages(self, *, late: bool) -> Iterator[Message]:
        for event in islice(self._events, self.total):
            if (event.tag is Tag.LATE) is late:
                yield Message(event.value, event.tag)


def _require_lines(path: Path, on_time: int) -> None:
    """One line is sent before the kill, and one after it: without that the restart has nothing to show."""
    if on_time < 2:
        lines = "1 line" if on_time == 1 else f"{on_time} lines"
        raise UserError(
            f"{path} leaves {lines} to send on time, and the demo needs 2",
            "give a longer file, or a greater --late-every",
        )
