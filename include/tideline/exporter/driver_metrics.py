"""What a driver tells of itself: its threads tell it here, a scrape takes it. What fails here goes no further."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
from prometheus_client.core import Metric

from tideline.batch_done import BatchDone, Progress
from tideline.exporter.driver_seen import DriverSeen, after_batch, after_progress, tell_driver
from tideline.exporter.exposition import Exposition
from tideline.exporter.live_windows import LiveWindows, tell_windows
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.troubles import Trouble

log = logging.getLogger(__name__)


class DriverMetrics:
    """A collector for Prometheus' client. Of a person's own job there are no windows."""

    def __init__(self, seen: DriverSeen, clock_ms: Callable[[], int]) -> None:
        self._lock = threading.Lock()
        self._seen = seen
        self._clock_ms = clock_ms
        self._log_ends: Mapping[int, int] | None = None
        self._windows: LiveWindows | None = None
        self._known: frozenset[str] = frozenset()
        self._told = False

    def collect(self) -> Iterable[Metric]:
        exposition = Exposition()
        tell_driver(exposition, self._seen, self._log_ends)
        if self._windows is not None:
            tell_windows(exposition, self._seen.stream, self._windows.seen())
        return exposition.families

    def of_metrics(self, spec: StreamSpec, parts: Iterable[str]) -> None:
        """From here on a driver of metrics, with the parts of it that can fail alone."""
        self._windows, self._known = LiveWindows(spec), frozenset(parts)
        self._change(lambda seen: seen.of_metrics(dict.fromkeys(self._known, False)))

    def starts_at(self, ends: Callable[[], Mapping[int, int] | None]) -> None:
        """The offsets from which the first batch reads: the backlog is known before it is done."""
        self._change(lambda seen: replace(seen, ends=seen.ends or ends()))

    def batch_done(self, done: BatchDone, took_ms: int) -> None:
        now = self._clock_ms()
        self._change(lambda seen: after_batch(seen, done, took_ms, now))

    def progress(self, progress: Progress | None) -> None:
        """What Spark tells of a batch; None where it tells nothing new."""
        if progress is not None:
            self._change(lambda seen: after_progress(seen, progress))

    def troubles(self, troubles: Sequence[Trouble]) -> None:
        self._change(lambda seen: replace(seen, parts=self._parts({each.part for each in troubles})))

    def log_ends(self, ends: Mapping[int, int] | None) -> None:
        """The end offsets of the topic; None while the broker cannot be asked."""
        self._log_ends = ends

    def published(self, rows: Mapping[str, pa.Table], row: LedgerRow) -> None:
        """A batch's published rows by metric."""
        with self._quietly():
            if self._windows is not None:
                self._windows.take(rows, row.watermark_ms)

    def published_before(self, rows: Mapping[str, pa.Table], watermark_ms: int) -> None:
        """Rows of windows that were open, or told, when this driver began, and the watermark then."""
        with self._quietly():
            if self._windows is not None:
                self._windows.put_before(rows, watermark_ms)

    def _parts(self, failing: Set[str]) -> dict[str, bool]:
        return {part: part in failing for part in self._known | failing}

    def _change(self, change: Callable[[DriverSeen], DriverSeen]) -> None:
        with self._quietly(), self._lock:
            self._seen = change(self._seen)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            log.log(logging.DEBUG if self._told else logging.ERROR, "metrics of the driver are lost", exc_info=True)
            self._told = True
