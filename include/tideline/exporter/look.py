"""Looks that a scrape does not wait for: made by a thread of their own, and only while somebody asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from tideline.clock import now_ms

log = logging.getLogger(__name__)

_SHARE: Final = 10
"""A look that takes long is made less often: of this many seconds it takes one, as long as its answer is kept."""

T = TypeVar("T")
Start = Callable[[Callable[[], None]], object]


def in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


class Look(Generic[T]):
    """The newest answer of `look`, asked again once it is `every_ms` old.

    Who asks waits at most `wait_s` for an answer under way, and gets None where there is none that is younger than
    `kept_ms`: looks that fail, or do not come back, leave the last answer as long as that. `succeeded_at` (epoch ms) is
    when the last answer came; before the first, when this was made.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], T],
        *,
        every_ms: int,
        kept_ms: int,
        wait_s: float,
        clock_ms: Callable[[], int] = now_ms,
        start: Start = in_a_thread,
    ) -> None:
        self._name = name
        self._look = look
        self._every_ms = every_ms
        self._kept_ms = kept_ms
        self._wait_s = wait_s
        self._clock_ms = clock_ms
        self._start = start
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._at: int | None = None
        self._value: T | None = None
        self.succeeded_at = clock_ms()
        self.duration_s: float | None = None
        self.failures = 0
        self._fails = False

    def __call__(self) -> T | None:
        with self._lock:
            if self._idle.is_set() and self._is_due():
                self._idle.clear()
                self._start(self._run)
        self._idle.wait(self._wait_s)
        return self._value if self._clock_ms() - self.succeeded_at <= self._kept_ms else None

    def _is_due(self) -> bool:
        """The pause leaves the next look half the time that the last answer is kept for."""
        rest_ms = min(round((self.duration_s or 0) * 1000 * _SHARE), self._kept_ms // 2)
        return self._at is None or self._clock_ms() - self._at >= max(self._every_ms, rest_ms)

    def _run(self) -> None:
        begun = time.monotonic()
        try:
            value = self._look()
        except Exception as error:  # whatever it is, it is told as a failure, and looked at again
            self._failed(error)
        else:
            self._value, self.succeeded_at = value, self._clock_ms()
            if self._fails:
                log.info("%s can be looked at again", self._name)
            self._fails = False
        finally:
            self.duration_s, self._at = time.monotonic() - begun, self._clock_ms()
            self._idle.set()

    def _failed(self, error: Exception) -> None:
        """Told once, however often it is looked in vain."""
        self.failures += 1
        if not self._fails:
            why = next(iter(str(error).splitlines()), "")
            log.warning("%s cannot be looked at: %s: %s", self._name, type(error).__name__, why)
        self._fails = True
