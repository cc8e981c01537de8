"""What the demo sends: a user's own log, or seeded traffic."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from tideline.produce.lines import FileSource
from tideline.produce.pace import paced
from tideline.produce.sender import Sender
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
    about: str

    def on_time(self) -> Iterator[Message]: ...

    def held_back(self) -> Iterator[Message]: ...


class FileFeed:
    """A file's lines as they are; each `late_every`th is held back."""

    def __init__(self, path: Path, late_every: int) -> None:
        self._source = FileSource(path, late_every)
        self.total = sum(1 for _ in self._source)
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
        self.about = f"seeded traffic ({seed}) from two hours ago, 60 times real time"

    def on_time(self) -> Iterator[Message]:
        return self._messages(late=False)

    def held_back(self) -> Iterator[Message]:
        return self._messages(late=True)

    def _messages(self, *, late: bool) -> Iterator[Message]:
        for event in islice(self._events, self.total):
            if (event.tag is Tag.LATE) is late:
                yield Message(event.value, event.tag)


class BackgroundSender:
    """Sends the part that is on time from a thread, while the story goes on."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, feed: Feed) -> None:
        self._sender = Sender(bootstrap, topic, partitions)
        self._feed = feed
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="demo traffic", daemon=True)

    @property
    def sent(self) -> int:
        return self._sender.sent

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> int:
        """Waits until all that is on time has arrived; how many."""
        self._thread.join()
        if self._failure:
            raise self._failure
        return self.sent

    def send_held_back(self) -> int:
        """Sends the rest at once; how many."""
        before = self.sent
        self._send(self._feed.held_back())
        self._sender.close()
        return self.sent - before

    def _run(self) -> None:
        try:
            self._send(paced(self._feed.on_time(), self._feed.rate))
        except BaseException as failure:
            self._failure = failure

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._sender.send(message.value, message.tag)
        self._sender.flush()
