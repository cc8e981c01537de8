"""What the driver's main thread does while the query runs: obeys the epoch, and a request to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql.streaming import StreamingQuery
from pyspark.streaming import StreamingContext

from tideline_spark.beside import Beside
from tideline_spark.fence import Fence
from tideline_spark.heartbeat import Heartbeat

log = logging.getLogger(__name__)
DRAIN_S = 25.0
"""With what the queries and the outlets may take to stop, less than the keeper gives a driver to drain."""


def attend(
    query: StreamingQuery, stop_request: Path, fence: Fence, heartbeat: Heartbeat, beside: Sequence[Beside] = ()
) -> None:
    """Waits until the query ends, a stop is asked for, or a newer epoch appears while nothing arrives.

    What goes on beside the query ends the driver when it fails, and is stopped after the query.
    """
    while not query.awaitTermination(1):
        if not query.status["isTriggerActive"]:  # the JVM answers and has nothing to do
            heartbeat.idle()
        fence.check()
        for each in beside:
            each.check()
        if stop_requested(stop_request, fence.epoch):
            log.info("stop was asked for: the batch in flight is finished first")
            _drain(query)
            for each in beside:
                each.stop()
            return


def attend_context(context: StreamingContext, stop_request: Path, fence: Fence) -> None:
    """As `attend`, for DStreams: what was received is counted before they stop."""
    while not context.awaitTerminationOrTimeout(1):
        fence.check()
        if stop_requested(stop_request, fence.epoch):
            log.info("stop was asked for: what was received is finished first")
            context.stop(stopSparkContext=False, stopGraceFully=True)
            return


def _drain(query: StreamingQuery) -> None:
    deadline = time.monotonic() + DRAIN_S
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.05)
    query.stop()


def stop_requested(path: Path, epoch: int) -> bool:
    """Whether the stop file names this epoch or a later one."""
    try:
        return int(path.read_text().strip() or 0) >= epoch
    except (FileNotFoundError, ValueError):
        return False
