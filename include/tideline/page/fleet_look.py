"""Looks at all streams for the page: the registry and the streams' files at once, the broker and books in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from tideline.clock import now_ms
from tideline.home import Home
from tideline.keeper.report import LogEnds, StreamSeen, ask_log_ends, open_registry, see
from tideline.keeper.samples import Slot
from tideline.page.books_look import BooksLook, open_books_of
from tideline.page.fleet import SLOT_MS, SLOTS, Fleet, FleetRow, fleet_of, row_of
from tideline.page.kept import Kept
from tideline.registry.fleet_reads import keeper_looks, restarts_since, slots_since
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.settings import Settings

_DAY_MS: Final = 86_400_000
_SHARED_MS: Final = 1_000
_BROKER_S, _CHARTS_S = 2.0, 10.0
_WAIT_S: Final = 3.0

Seldom = tuple[Mapping[str, Sequence[Slot]], Mapping[str, int]]
"""The slots and the restarts, by stream."""


OpenRegistry = Callable[[], AbstractContextManager[Registry]]
AskEnds = Callable[[Sequence[StreamRow]], LogEnds]


def look_at_platform(home: Home, settings: Settings) -> FleetLook:
    """At the streams of a platform."""
    return FleetLook(home, partial(open_registry, settings), partial(ask_log_ends, settings))


class FleetLook:
    """The streams of one installation, as they are now."""

    def __init__(self, home: Home, registry: OpenRegistry, ask: AskEnds, clock: Callable[[], int] = now_ms) -> None:
        self._home, self._registry, self._clock = home, registry, clock
        self._ends: Kept[LogEnds] = Kept(lambda: ask(self._rows()), {}, _BROKER_S, _WAIT_S)
        self._seldom: Kept[Seldom] = Kept(self._look_back, ({}, {}), _CHARTS_S, _WAIT_S)
        self._books = BooksLook(lambda stream: open_books_of(home, stream))
        self._last, self._lock = (0, Fleet(())), threading.Lock()

    def fleet(self) -> Fleet:
        """All who look within a second share a look. UserError while the database cannot be asked."""
        with self._lock:
            at, fleet = self._last
            if self._clock() - at >= _SHARED_MS:
                self._last = (self._clock(), fleet := self._look())
            return fleet

    def _look(self) -> Fleet:
        with self._registry() as registry:
            rows, looks = registry.streams(), keeper_looks(registry)
        ends = self._ends.value() if rows else {}
        slots, restarts = self._seldom.value() if rows else ({}, {})
        now = self._clock()
        seen = [see(self._home, ends, looks, row, now) for row in rows]
        return fleet_of(seen, slots, restarts, self._books.of(row.name for row in rows), now)

    def seen(self, row: StreamRow) -> StreamSeen:
        """A stream by the row that was read of it, and how far its data has come."""
        with self._registry() as registry:
            looks = keeper_looks(registry)
        return see(self._home, self._ends.value(), looks, row, self._clock())

    def one(self, row: StreamRow) -> FleetRow:
        seen, (slots, restarts) = self.seen(row), self._seldom.value()
        books = self._books.of([row.name]).get(row.name)
        return row_of(seen, slots.get(row.name, ()), restarts.get(row.name, 0), books, self._clock())

    def _rows(self) -> list[StreamRow]:
        with self._registry() as registry:
            return registry.streams()

    def _look_back(self) -> Seldom:
        now = self._clock()
        with self._registry() as registry:
            slots = slots_since(registry, (now // SLOT_MS - SLOTS) * SLOT_MS, SLOT_MS)
            return slots, restarts_since(registry, now - _DAY_MS)
