"""What a driver does beside its query: it fills the topic, and passes on what was published."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final, Protocol

from pyspark.sql.streaming import StreamingQuery

from tideline.sinks.outlet import Outlet
from tideline_spark.fence import Fence

log = logging.getLogger(__name__)

_PERIOD_S: Final = 1.0
_LAST_S: Final = 30.0


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
    """Steps through the outlets every second, on a thread of their own, and once more at the end."""

    def __init__(self, outlets: Sequence[Outlet], fence: Fence) -> None:
        self._outlets = outlets
        self._fence = fence
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="outlets", daemon=True)
        self._thread.start()

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._over.set()
        self._thread.join(_LAST_S)
        self.check()

    def _run(self) -> None:
        try:
            while not self._over.wait(_PERIOD_S):
                self._step()
            self._step()  # what the last batch published
        except Exception as error:
            self._failure = error

    def _step(self) -> None:
        self._fence.check()
        for outlet in self._outlets:
            outlet.step()
