"""Opens the streams' books for the page, in the background: a hundred ledgers are not opened while somebody waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tideline.clock import now_ms
from tideline.errors import UserError
from tideline.home import Home
from tideline.page.books import BooksSeen
from tideline.stream_books import deployed_spec
from tideline.stream_ledger import open_ledger
from tideline.tables.delta import exists
from tideline.tables.schemas import StreamTables

_log = logging.getLogger(__name__)
_AGAIN_MS: Final = 15_000
_SHARE: Final = 0.25
"""Of one core that the looks take at most: after each it is waited as long as makes it so."""

Open = Callable[[str], BooksSeen | None]


def open_books_of(home: Home, stream: str) -> BooksSeen | None:
    """The books as they are now; None for a stream that has none: a job, or one that has not begun its tables."""
    spec = home.stream(stream).spec
    try:
        if not spec.exists() or not exists(StreamTables(home.tables(stream)).parts):
            return None
        ledger = open_ledger(home, deployed_spec(home, stream))
        return BooksSeen(now_ms(), ledger.totals, alarms=tuple(ledger.alarms()))
    except UserError as error:
        return BooksSeen(now_ms(), problem=error.message)
    except Exception as error:  # a damaged table is told, and hides no other
        _log.exception("the books of %s", stream)
        return BooksSeen(now_ms(), problem=str(error).splitlines()[0] if str(error) else type(error).__name__)


class BooksLook:
    """What is known of the books; whoever asks makes the next round begin, and waits for none of it."""

    def __init__(
        self, open_one: Open, clock: Callable[[], int] = now_ms, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._open, self._clock, self._pause = open_one, clock, pause
        self._seen: dict[str, BooksSeen] = {}
        self._looked: dict[str, int] = {}
        self._round = threading.Lock()

    def of(self, streams: Iterable[str]) -> Mapping[str, BooksSeen]:
        """The newest books of these streams, of those that were opened so far."""
        names = list(streams)
        if names and self._round.acquire(blocking=False):
            threading.Thread(target=self._look_and_release, args=(names,), name="tideline-books", daemon=True).start()
        return {name: self._seen[name] for name in names if name in self._seen}

    def _look_and_release(self, names: list[str]) -> None:
        try:
            self.look(names)
        finally:
            self._round.release()

    def look(self, names: Iterable[str]) -> None:
        """Opens those that are due, what was looked at longest ago first, at a pace that leaves the machine room."""
        now = self._clock()
        due = [name for name in names if now - self._looked.get(name, -_AGAIN_MS) >= _AGAIN_MS]
        for name in sorted(due, key=lambda name: self._looked.get(name, -1)):
            began = time.perf_counter()
            found = self._open(name)
            self._looked[name] = self._clock()
            if found is None:
                self._seen.pop(name, None)
            else:
                self._seen[name] = found
            self._pause((time.perf_counter() - began) * (1 / _SHARE - 1))
