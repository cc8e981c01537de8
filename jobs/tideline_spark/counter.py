"""What Spark tells of a query's batches. A batch's progress comes after it is done, so the next batch keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyspark.sql.streaming import StreamingQuery

from tideline.batch_done import Progress
from tideline.cross_check import COUNTED_BATCH, COUNTER


def counter_of(progress: Progress | None) -> dict[str, str]:
    """Spark's own count of what a batch dropped, as settings of a ledger row; empty when it was lost."""
    return {} if progress is None else {COUNTED_BATCH: str(progress.batch), COUNTER: str(progress.dropped)}


def progress_of(query: StreamingQuery, batch: int) -> Progress | None:
    """The progress of a batch; None when it was lost."""
    found = next((progress for progress in _newest(query) if progress["batchId"] == batch), None)
    return None if found is None else as_progress(batch, found["stateOperators"])


def last_progress(query: StreamingQuery) -> Progress | None:
    """The newest progress, where it is of a batch that was done."""
    found = query.lastProgress
    if found is None or "addBatch" not in found["durationMs"]:
        return None
    return as_progress(found["batchId"], found["stateOperators"])


def as_progress(batch: int, operators: Any) -> Progress:
    """Of all stateful operators together, as Spark's JSON has them."""
    return Progress(
        batch,
        sum(operator["numRowsDroppedByWatermark"] for operator in operators),
        sum(operator["numRowsTotal"] for operator in operators),
        sum(operator["memoryUsedBytes"] for operator in operators),
    )


def _newest(query: StreamingQuery) -> Iterator[Any]:
    """The last progress, then those before it: an idle stream tells of the batch that is still to come."""
    last = query.lastProgress
    if last is not None:
        yield last
        yield from reversed(query.recentProgress)
