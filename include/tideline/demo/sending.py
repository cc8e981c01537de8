"""Sends the demo's messages from a thread, and keeps some back until the driver's loss is seen."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from tideline.demo.feed import Feed, Message
from tideline.produce.pace import evenly, paced

_TAIL_SHARE = 4


class Destination(Protocol):
    """Where messages go: `tideline.produce.sender.Sender`, or a list in a test."""

    sent: int

    def send(self, value: bytes | None, tag: str = "") -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class BackgroundSender:
    """Sends the part that is on time from a thread, while the story goes on.

    The last quarter of it waits for `let_go`: Spark runs no batch after a restart until new data comes.
    """

    def __init__(self, destination: Destination, feed: Feed) -> None:
        self._destination = destination
        self._feed = feed
        self._failure: BaseException | None = None
        self._may_finish = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo traffic", daemon=True)

    @property
    def sent(self) -> int:
        return self._destination.sent

    def start(self) -> None:
        self._thread.start()

    def let_go(self) -> None:
        """Lets the tail go as soon as all before it is sent; raises what has failed so far."""
        self._may_finish.set()
        self._raise_failure()

    def finish(self) -> int:
        """Waits until all that is on time has arrived; how many. To be called after `let_go`."""
        self._thread.join()
        self._raise_failure()
        return self.sent

    def send_held_back(self) -> int:
        """Sends the rest at once; how many."""
        before = self.sent
        self._send(self._feed.held_back())
        self._destination.close()
        return self.sent - before

    def _run(self) -> None:
        try:
            messages = self._feed.on_time()
            self._send(paced(islice(messages, head_count(self._feed.on_time_count)), evenly(self._feed.rate)))
            self._may_finish.wait()
            self._send(paced(messages, evenly(self._feed.rate)))
        except BaseException as failure:
            self._failure = failure

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._destination.send(message.value, message.tag)
        self._destination.flush()

    def _raise_failure(self) -> None:
        if self._failure:
            raise self._failure


def head_count(on_time: int) -> int:
    """How many messages are sent without waiting: all but a quarter, and at least one less than all."""
    return on_time - max(1, on_time // _TAIL_SHARE)
