"""Spark's own count of what a batch dropped, kept with the next batch: its progress comes after the batch is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyspark.sql.streaming import StreamingQuery

from tideline.cross_check import COUNTED_BATCH, COUNTER


def counter_before(query: StreamingQuery, batch: int) -> dict[str, str]:
    """What the progress of the batch before says, as settings of a ledger row; empty when it was lost."""
    found = next((progress for progress in _newest(query) if progress["batchId"] == batch - 1), None)
    if found is None:
        return {}
    dropped = sum(operator["numRowsDroppedByWatermark"] for operator in found["stateOperators"])
    return {COUNTED_BATCH: str(batch - 1), COUNTER: str(dropped)}


def _newest(query: StreamingQuery) -> Iterator[Any]:
    """The last progress, then those before it: an idle stream tells of the batch that is still to come."""
    last = query.lastProgress
    if last is not None:
        yield last
        yield from reversed(query.recentProgress)
