"""Sends the notices that are due, each notifier by itself: one that fails keeps no other waiting."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tideline.keeper.verdict import Severity
from tideline.logs.context import about
from tideline.notify.decide import due_notices
from tideline.notify.notice import Happened, Notice
from tideline.registry.store import Registry

log = logging.getLogger(__name__)


class Notifier(Protocol):
    """Sends one notice, or raises: then it is sent again the next time."""

    def send(self, notice: Notice) -> None: ...


@dataclass(frozen=True)
class Channel:
    """A notifier by its name, and what it is told of: troubles from `least` on, of these streams or of all."""

    name: str
    notifier: Notifier
    least: Severity = Severity.WARN
    streams: frozenset[str] | None = None

    def is_told_of(self, stream: str) -> bool:
        return self.streams is None or stream in self.streams


def tell(registry: Registry, channels: Iterable[Channel]) -> list[str]:
    """Sends what is due of all streams; what was sent, in words. What failed is raised last."""
    wanted, told, errors = list(channels), list[str](), list[Exception]()
    for row in registry.streams():
        history = registry.notices.history(row.name)
        for channel in wanted:
            if not channel.is_told_of(row.name):
                continue
            try:
                for notice in _told(registry, channel, row.name, history):
                    told.append(f"{channel.name}: {notice.text}")
            except Exception as error:
                with about(stream=row.name):
                    log.exception("%s: %s was not told", row.name, channel.name)
                errors.append(error)
    if errors:
        raise ExceptionGroup("some notices could not be sent", errors)
    return told


def _told(registry: Registry, channel: Channel, stream: str, history: tuple[Happened, ...]) -> Iterable[Notice]:
    """Each notice is noted once it was sent, and none is sent after one that failed: an end comes after its trouble."""
    for notice in due_notices(history, registry.notices.told(stream, channel.name), registry.now(), channel.least):
        channel.notifier.send(notice)
        registry.notices.note(notice, channel.name)
        yield notice
