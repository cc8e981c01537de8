"""Values that take long to look up: kept, and looked up again behind the back of whoever asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")
_log = logging.getLogger(__name__)


class Kept(Generic[Value]):
    """A value that is at most so many seconds old where somebody asks often; one look at a time.

    Who asks first waits for the look, but no longer than `wait_s`; before there is any value it is `none`.
    """

    def __init__(
        self,
        look: Callable[[], Value],
        none: Value,
        every_s: float,
        wait_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._value = look, none
        self._every_s, self._wait_s, self._clock = every_s, wait_s, clock
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_looking = False
        self._at: float | None = None

    def value(self) -> Value:
        """The newest value there is; an old one makes a look begin."""
        with self._lock:
            is_due = not self._is_looking and (self._at is None or self._clock() - self._at >= self._every_s)
            self._is_looking |= is_due
        if is_due:
            threading.Thread(target=self._refresh, name="tideline-page", daemon=True).start()
        if self._at is None:
            self._done.wait(self._wait_s)
        return self._value

    def _refresh(self) -> None:
        try:
            self._value = self._look()
        except Exception:  # the page goes on with what it had
            _log.exception("a look for the page failed")
        finally:
            with self._lock:
                self._at, self._is_looking = self._clock(), False
            self._done.set()
