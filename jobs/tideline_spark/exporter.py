"""The driver's exporter: its HTTP server for Prometheus, and a thread that asks what is told beside the batches.

Nothing here ends or slows the driver: what fails is logged and missing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import pyarrow as pa
from pyspark.sql.streaming import StreamingQuery

from tideline.exporter.driver_metrics import DriverMetrics
from tideline.exporter.log_ends import LogEnds
from tideline.exporter.push import Pusher
from tideline.exporter.web import Server, pages
from tideline.kafka_access import KafkaAccess
from tideline.spec.model import Driven
from tideline_spark.counter import last_progress

log = logging.getLogger(__name__)

PERIOD_S: Final = 10.0


class DriverExporter:
    """Serves a driver's metrics while it lives, and pushes them where its spec says so."""

    def __init__(self, stream: str, metrics: DriverMetrics, period_s: float = PERIOD_S) -> None:
        self._stream = stream
        self.metrics = metrics
        self._period_s = period_s
        self._server: Server | None = None
        self._pusher: Pusher | None = None
        self._ask_ends: Callable[[], Mapping[int, int]] | None = None
        self._query: StreamingQuery | None = None
        self._windows: Callable[[], tuple[Mapping[str, pa.Table], int]] | None = None
        self._over = threading.Event()

    def start(self) -> str | None:
        """Where the metrics are; None where no port could be had."""
        try:
            self._server = Server(pages(self.metrics, {}))
            self._server.start()
            return self._server.url
        except OSError as error:
            log.warning("the driver's metrics cannot be scraped: %s", error)
            return None

    def watch(
        self,
        spec: Driven,
        kafka: KafkaAccess,
        topic: str | None,
        query: StreamingQuery | None = None,
        windows: Callable[[], tuple[Mapping[str, pa.Table], int]] | None = None,
    ) -> None:
        """From here on asks the broker for the topic's end and Spark for its progress, and pushes if the spec says so.

        `windows` are read once, to begin with.
        """
        self._ask_ends = LogEnds(kafka, topic) if topic else None
        self._query = query
        self._windows = windows
        threading.Thread(target=self._run, name="exporter", daemon=True).start()
        if spec.exporter.pushgateway is not None:
            self._pusher = Pusher(spec.exporter.pushgateway, self._stream, self.metrics)
            self._pusher.start()

    def stop(self, *, as_asked: bool) -> None:
        """Tells no more. What was pushed is deleted where the stream is to be over, and else stays for a successor."""
        self._over.set()
        with suppress(Exception):
            if self._pusher is not None:
                self._pusher.stop(forget=as_asked)
            if self._server is not None:
                self._server.close()

    def look(self) -> None:
        """Asks once."""
        if self._ask_ends is not None:
            self.metrics.log_ends(self._ends(self._ask_ends))
        if self._query is not None:
            with suppress(Exception):  # the JVM is gone, or busy ending
                self.metrics.progress(last_progress(self._query))

    def _ends(self, ask: Callable[[], Mapping[int, int]]) -> Mapping[int, int] | None:
        try:
            return ask()
        except Exception as error:  # whatever the client raises, the broker could not be asked
            log.debug("the end of the topic cannot be had: %s", error)
            return None

    def _run(self) -> None:
        with suppress(Exception):  # windows are told from the first one on that begins now
            if self._windows is not None:
                self.metrics.published_before(*self._windows())
        while not self._over.is_set():
            self.look()
            self._over.wait(self._period_s)
