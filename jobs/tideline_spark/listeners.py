"""What Spark tells of a job's batches, passed on to the driver's heartbeat."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pyspark.sql.streaming import StreamingQueryListener
from pyspark.streaming import StreamingListener

from tideline.batch_done import BatchDone, Progress
from tideline_spark.counter import as_progress
from tideline_spark.heartbeat import Heartbeat


class QueryListener(StreamingQueryListener):  # type: ignore[misc]
    """Tells each batch of a structured query; of a Kafka source how far it has read."""

    def __init__(self, heartbeat: Heartbeat, progress: Callable[[Progress], None], topic: str | None) -> None:
        self._heartbeat = heartbeat
        self._progress = progress
        self._topic = topic

    def onQueryStarted(self, event: Any) -> None:
        """Nothing to tell."""

    def onQueryProgress(self, event: Any) -> None:
        progress = event.progress
        if "addBatch" not in progress.durationMs:  # a trigger that found nothing
            return
        ends = {int(part): end for source in progress.sources for part, end in self._ends(source).items()}
        watermark = progress.eventTime.get("watermark")
        watermark_ms = round(datetime.fromisoformat(watermark).timestamp() * 1000) if watermark else 0
        took_ms = progress.durationMs.get("triggerExecution")
        done = BatchDone(progress.batchId, progress.numInputRows, None, watermark_ms, ends, None, took_ms=took_ms)
        self._heartbeat.batch_done(self._topic or "", done)
        self._progress(as_progress(progress.batchId, progress.stateOperators))

    def onQueryIdle(self, event: Any) -> None:
        """The driver's main thread tells that."""

    def onQueryTerminated(self, event: Any) -> None:
        """The driver's main thread tells that."""

    def _ends(self, source: Any) -> dict[str, int]:
        if self._topic is None or not source.endOffset:
            return {}
        ends = json.loads(source.endOffset)
        return ends.get(self._topic, {}) if isinstance(ends, dict) else {}


class BatchListener(StreamingListener):  # type: ignore[misc]
    """Tells each batch of DStreams, which have no numbers: they are counted."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._batches = 0

    def onBatchStarted(self, batchStarted: Any) -> None:
        self._heartbeat.batch_started()

    def onBatchCompleted(self, batchCompleted: Any) -> None:
        rows = int(batchCompleted.batchInfo().numRecords())
        self._heartbeat.batch_done("", BatchDone(self._batches, rows, None, 0, {}, None))
        self._batches += 1
