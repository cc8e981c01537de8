"""Sends the notices that are due, each notifier by itself: one that fails keeps no other waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from tideline.keeper.verdict import Severity
from tideline.logs.context import about
from tideline.notify.decide import NEWS_MS, due_notices
from tideline.notify.notice import Notice
from tideline.notify.raised import Raised, RaisedNotice, due_raised
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry

AnyNotice = Notice | RaisedNotice
log = logging.getLogger(__name__)


class Notifier(Protocol):
    """Sends one notice, or raises: then it is sent again the next time."""

    def send(self, notice: AnyNotice) -> None: ...


@dataclass(frozen=True)
class Channel:
    """A notifier by its name, and what it is told of: troubles from `least` on, of these streams or of all."""

    name: str
    notifier: Notifier
    least: Severity = Severity.WARN
    streams: frozenset[str] | None = None

    def is_told_of(self, stream: str) -> bool:
        return self.streams is None or stream in self.streams


def tell(
    registry: Registry, channels: Iterable[Channel], collect: Callable[[Iterable[str]], None] = lambda streams: None
) -> list[str]:
    """Sends what is due of all streams; what was sent, in words. What failed is raised last.

    Transitions come first: `collect`, which counts what the tables of these streams raised, may take long.
    """
    sender, rows = _Sender(list(channels)), registry.streams()
    for row in rows:
        sender.send(row.name, partial(_transitions, registry, row.name))
    collect(row.name for row in rows)
    raised = registry.raised.since((registry.now() - NEWS_MS) * 1000)
    for row in rows:
        if row.name in raised:
            sender.send(row.name, partial(_raised, registry, row, raised[row.name]))
    if sender.errors:
        raise ExceptionGroup("some notices could not be sent", sender.errors)
    return sender.told


class _Sender:
    """Sends to all channels, and keeps what was sent and what failed."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels
        self.told: list[str] = []
        self.errors: list[Exception] = []

    def send(self, stream: str, sent: Callable[[Channel], Iterable[AnyNotice]]) -> None:
        """`sent` sends to a channel what is due of the stream."""
        for channel in self._channels:
            if not channel.is_told_of(stream):
                continue
            try:
                for notice in sent(channel):
                    self.told.append(f"{channel.name}: {notice.text}")
            except Exception as error:
                with about(stream=stream):
                    log.exception("%s: %s was not told", stream, channel.name)
                self.errors.append(error)


def _transitions(registry: Registry, stream: str, channel: Channel) -> Iterable[AnyNotice]:
    """Each notice is noted once it was sent, and none is sent after one that failed: an end comes after its trouble."""
    history = registry.notices.history(stream)
    for notice in due_notices(history, registry.notices.told(stream, channel.name), registry.now(), channel.least):
        channel.notifier.send(notice)
        registry.notices.note(notice, channel.name)
        yield notice


def _raised(registry: Registry, row: StreamRow, raised: Sequence[Raised], channel: Channel) -> Iterable[AnyNotice]:
    told = registry.raised.told(row.name, channel.name)
    for notice in due_raised(row, raised, told, registry.now(), channel.least):
        channel.notifier.send(notice)
        registry.raised.note(notice, channel.name)
        yield notice
