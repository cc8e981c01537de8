"""The tail of what is on time waits until the story lets it go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tideline.demo.feed import Message
from tideline.demo.sending import BackgroundSender, head_count

DEADLINE_S = 10.0
LONG_ENOUGH_TO_GO_ON_S = 0.2


@dataclass
class Numbers:
    """A feed of so many numbered messages on time, and two that are held back."""

    on_time_count: int
    total: int = 0
    rate: float = 1e9
    about: str = "numbers"

    def on_time(self) -> Iterator[Message]:
        return (Message(b"%d" % number) for number in range(self.on_time_count))

    def held_back(self) -> Iterator[Message]:
        return iter([Message(b"late"), Message(b"later")])


@dataclass
class Received:
    """A destination that keeps what it gets, and tells when the head and when the tail have been flushed."""

    values: list[bytes | None] = field(default_factory=list)
    sent: int = 0
    closed: bool = False
    flushed: list[threading.Event] = field(default_factory=lambda: [threading.Event() for _ in range(3)])
    flushes: int = 0

    def send(self, value: bytes | None, tag: str = "") -> None:
        self.values.append(value)
        self.sent += 1

    def flush(self) -> None:
        self.flushed[self.flushes].set()
        self.flushes += 1

    def close(self) -> None:
        self.closed = True


class Broken(Received):
    """A destination that takes nothing."""

    def send(self, value: bytes | None, tag: str = "") -> None:
        raise ConnectionError("no broker")

    def flush(self) -> None:
        raise AssertionError("nothing was sent")


def started(destination: Received, on_time: int) -> BackgroundSender:
    sender = BackgroundSender(destination, Numbers(on_time))
    sender.start()
    return sender


def test_the_tail_waits_until_it_is_let_go() -> None:
    destination = Received()
    sender = started(destination, 8)
    assert destination.flushed[0].wait(DEADLINE_S)
    assert not destination.flushed[1].wait(LONG_ENOUGH_TO_GO_ON_S)
    assert sender.sent == 6
    sender.let_go()
    assert sender.finish() == 8


def test_a_sender_let_go_early_sends_everything_in_order() -> None:
    destination = Received()
    sender = BackgroundSender(destination, Numbers(5))
    sender.let_go()
    sender.start()
    sender.finish()
    assert destination.values == [b"0", b"1", b"2", b"3", b"4"]


def test_what_is_held_back_comes_last_and_closes_the_destination() -> None:
    destination = Received()
    sender = started(destination, 2)
    sender.let_go()
    sender.finish()
    assert sender.send_held_back() == 2
    assert (destination.values[2:], destination.closed) == ([b"late", b"later"], True)


def test_a_failure_in_the_thread_is_raised_in_the_story() -> None:
    sender = started(Broken(), 4)
    with pytest.raises(ConnectionError, match="no broker"):
        sender.finish()
    with pytest.raises(ConnectionError, match="no broker"):
        sender.let_go()


@pytest.mark.parametrize(("on_time", "head"), [(2, 1), (3, 2), (4, 3), (500, 375), (9_500, 7_125)])
def test_a_quarter_waits_and_at_least_one(on_time: int, head: int) -> None:
    assert head_count(on_time) == head
