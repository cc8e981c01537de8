"""What the platform tells of all streams: gathered by looks, none of which a scrape waits for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import Metric

from tideline.clock import now_ms
from tideline.exporter import catalogue as series
from tideline.exporter.books_seen import BooksSeen, tell_books
from tideline.exporter.exposition import Exposition
from tideline.exporter.look import Look, Start, in_a_thread
from tideline.exporter.streams_look import all_heartbeats, look_at_streams
from tideline.exporter.streams_seen import StreamSeen, targets, targets_by_heartbeat, tell_streams
from tideline.home import Home
from tideline.keeper.deployed import parse_deployed
from tideline.logs.context import about
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.spec.model import StreamSpec

log = logging.getLogger(__name__)

STREAMS_EVERY_MS: Final = 5_000
STREAMS_KEPT_MS: Final = 30_000
STREAMS_WAIT_S: Final = 5.0
BOOKS_EVERY_MS: Final = 60_000
BOOKS_KEPT_MS: Final = 900_000

LookAtBooks = Callable[[Home, StreamSpec, int], BooksSeen]


def look_at_real_books(home: Home, spec: StreamSpec, now: int) -> BooksSeen:
    """The books as the tables have them. An exporter that nobody scrapes does without Arrow's 100 MB."""
    from tideline.exporter.books_look import look_at_books

    return look_at_books(home, spec, now)


class PlatformMetrics:
    """A collector for Prometheus' client, and the scrape targets. Database and tables may be down: what they told last
    is soon missing then, and each look a failure."""

    def __init__(
        self,
        home: Home,
        registry: Registry,
        clock_ms: Callable[[], int] = now_ms,
        start: Start = in_a_thread,
        look_at_books: LookAtBooks = look_at_real_books,
    ) -> None:
        self._home = home
        self._registry = registry
        self._clock_ms = clock_ms
        self._look_at_books = look_at_books
        self._streams: Look[tuple[StreamSeen, ...]] = Look(
            "the registry",
            lambda: look_at_streams(home, registry),
            every_ms=STREAMS_EVERY_MS, kept_ms=STREAMS_KEPT_MS, wait_s=STREAMS_WAIT_S, clock_ms=clock_ms, start=start,
        )  # fmt: skip
        self._books: dict[str, tuple[int, BooksSeen]] = {}
        self._book_failures = 0
        self._all_books_at = clock_ms()
        self._round: Look[None] = Look(
            "the books of all streams",
            self._look_at_all_books,
            every_ms=BOOKS_EVERY_MS, kept_ms=BOOKS_KEPT_MS, wait_s=0, clock_ms=clock_ms, start=start,
        )  # fmt: skip

    def collect(self) -> Iterable[Metric]:
        exposition = Exposition()
        tell_streams(exposition, self._streams() or (), self._clock_ms())
        self._round()
        tell_books(exposition, self._books_kept())
        failures = {"streams": self._streams.failures, "books": self._round.failures + self._book_failures}
        succeeded = {"streams": self._streams.succeeded_at, "books": self._all_books_at}
        for part, look in (("streams", self._streams), ("books", self._round)):
            exposition.tell(series.LOOK_DURATION, look.duration_s, part=part)
            exposition.tell_seconds(series.LOOKED_AT, succeeded[part], part=part)
            exposition.tell(series.LOOK_FAILURES, failures[part], part=part)
        return exposition.families

    def _books_kept(self) -> list[BooksSeen]:
        """Those that were looked at lately enough: the database may be down, a table damaged, or a round never end."""
        oldest = self._clock_ms() - BOOKS_KEPT_MS
        return [seen for _, (at, seen) in sorted(self._books.copy().items()) if at >= oldest]

    def targets(self) -> str:
        """The running drivers, as Prometheus' HTTP service discovery takes them."""
        seen = self._streams()
        found = targets_by_heartbeat(all_heartbeats(self._home), self._clock_ms()) if seen is None else targets(seen)
        return json.dumps(found)

    def _look_at_all_books(self) -> None:
        """Each stream in turn; one whose books cannot be read hides no other."""
        rows = self._registry.streams()
        for name in self._books.keys() - {row.name for row in rows}:
            del self._books[name]
        failed = [row.name for row in rows if not self._could_look_at(row)]
        self._book_failures += len(failed)
        if not failed:
            self._all_books_at = self._clock_ms()

    def _could_look_at(self, row: StreamRow) -> bool:
        with about(stream=row.name):
            try:
                self._look_at_one(row)
            except Exception as error:  # whatever it is, the others are looked at
                log.warning("%s: its books cannot be read: %s: %s", row.name, type(error).__name__, error)
                return False
            return True

    def _look_at_one(self, row: StreamRow) -> None:
        spec, now = parse_deployed(row.spec), self._clock_ms()
        if isinstance(spec, StreamSpec):
            self._books[row.name] = (now, self._look_at_books(self._home, spec, now))
        else:  # a job has no books, and may have been a stream of metrics
            self._books.pop(row.name, None)
