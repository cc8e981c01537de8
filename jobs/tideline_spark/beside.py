"""What a driver does beside its query: it fills the topic, and passes on what was published."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from pyspark.sql.streaming import StreamingQuery

from tideline.sinks.of_stream import Planned
from tideline.sinks.outlet import Outlet
from tideline.troubles import Troubles
from tideline_spark.fence import Fence

log = logging.getLogger(__name__)

_PERIOD_S: Final = 1.0
_LAST_S: Final = 10.0
STUCK_S: Final = 600.0
"""A step that takes longer does not come back: Kafka's client waits for ever for the end of a transaction."""


class Beside(Protocol):
    """Goes on by itself; `check` raises what ended it, `stop` ends it in order."""

    def check(self) -> None: ...

    def stop(self) -> None: ...


class FeedQuery:
    """A feed's query: when it fails, the driver fails."""

    def __init__(self, query: StreamingQuery) -> None:
        self._query = query

    def check(self) -> None:
        failure = self._query.exception()
        if failure is not None:
            raise failure

    def stop(self) -> None:
        self._query.stop()


class Outlets:
    """Steps through the outlets every second, on a thread of their own, and once more at the end.

    One that fails is tried again, and the others go on; only a superseded driver passes on no more.
    """

    def __init__(
        self,
        outlets: Sequence[Planned],
        fence: Fence,
        troubles: Troubles,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._planned = outlets
        self._made: dict[str, Outlet] = {}
        self._fence = fence
        self._troubles = troubles
        self._clock_s = clock_s
        self._alive = clock_s()
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="outlets", daemon=True)
        self._thread.start()

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._clock_s() - self._alive > STUCK_S:
            raise TimeoutError(f"nothing was passed on to the sinks for {STUCK_S:g} s, and something waits")

    def stop(self) -> None:
        self._over.set()
        self._thread.join(_LAST_S)
        self.check()

    def _run(self) -> None:
        try:
            while not self._over.wait(_PERIOD_S):
                self.step()
            while self.step():  # what the last batch published
                pass
        except Exception as error:
            self._failure = error

    def step(self) -> int:
        """Passes on what is new; how much that was."""
        passed_on: list[int] = []
        for planned in self._planned:
            self._alive = self._clock_s()
            self._troubles.attempt(planned.name, partial(self._step, planned, passed_on))
        self._alive = self._clock_s()
        return sum(passed_on)

    def _step(self, planned: Planned, passed_on: list[int]) -> None:
        self._fence.check()
        if planned.name not in self._made:
            self._made[planned.name] = planned.make()
        passed_on.append(self._made[planned.name].step())
