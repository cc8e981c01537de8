"""Parts of a stream that fail by themselves: they are tried again later, and the rest goes on meanwhile.

A part is one thing that can fail alone: a metric's table, a detector, a sink.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tideline.clock import now_ms
from tideline.errors import UserError
from tideline.tables.delta import Superseded

log = logging.getLogger(__name__)

FIRST_RETRY_MS: Final = 5_000
LONGEST_RETRY_MS: Final = 300_000
_LONGEST_REASON: Final = 300
_MEND: Final = "mend the table, or put it back from a copy, and run this again: it publishes what is missing"

ANOMALIES_PART: Final = "table anomalies"

Attempt = Callable[[str, Callable[[], object]], bool]
"""Does the work of a part (its name, the work); whether it is done. See `Troubles.attempt` and `must`."""


@dataclass(frozen=True)
class Trouble:
    """A part that fails, since when, and when it is tried again; times in epoch ms."""

    part: str
    reason: str
    since: int
    failures: int
    retry_at: int


class NotPublished(UserError):
    """Some tables could not be written; what they miss is published the next time, and the rest is done."""


def table_part(metric: str) -> str:
    """The name of a metric's table as a part."""
    return f"table {metric}"


def must(part: str, work: Callable[[], object]) -> bool:
    """For those to whom a failure of one part is a failure of all."""
    work()
    return True


class Troubles:
    """Which parts fail now; `told` is called with all of them whenever that changes. Threads may share it."""

    def __init__(
        self, clock_ms: Callable[[], int] = now_ms, told: Callable[[Sequence[Trouble]], None] = lambda _: None
    ) -> None:
        self._clock_ms = clock_ms
        self._told = told
        self._lock = threading.Lock()
        self._known: dict[str, Trouble] = {}

    def attempt(self, part: str, work: Callable[[], object]) -> bool:
        """Does the work unless the part failed a short while ago. Superseded is the end of all parts, and is raised."""
        before = self._known.get(part)
        if before is not None and self._clock_ms() < before.retry_at:
            return False
        try:
            work()
        except Superseded:
            raise
        except Exception as error:
            self._failed(part, before, error)
            return False
        if before is not None:
            log.info("%s works again", part)
            self._change(part, None)
        return True

    def require_none(self, done: str) -> None:
        """NotPublished where a part fails now; `done` says what is done all the same."""
        told = [f"{each.part}: {each.reason}" for each in self._known.values()]
        if told:
            raise NotPublished(f"{done}, but not everything could be published: {'; '.join(told)}", _MEND)

    def _failed(self, part: str, before: Trouble | None, error: Exception) -> None:
        now = self._clock_ms()
        failures = before.failures + 1 if before else 1
        wait = min(FIRST_RETRY_MS << min(failures - 1, 10), LONGEST_RETRY_MS)
        reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:_LONGEST_REASON]
        since = before.since if before else now
        log.error(
            "%s fails, for the %d. time, and is tried again in %g s; the rest goes on: %s",
            part, failures, wait / 1000, reason, exc_info=before is None,
        )  # fmt: skip
        self._change(part, Trouble(part, reason, since, failures, now + wait))

    def _change(self, part: str, trouble: Trouble | None) -> None:
        with self._lock:
            self._known.pop(part, None)
            if trouble is not None:
                self._known[part] = trouble
            known = sorted(self._known.values(), key=lambda each: each.part)
        self._told(known)
