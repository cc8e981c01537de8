"""While a batch is in flight, whatever logs says so: Python's threads, the JVM's thread of the query, Spark's tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from pyspark.sql import SparkSession

from tideline.logs.context import about
from tideline.logs.jvm import BATCH_KEY

_THREAD: Final = "org.apache.logging.log4j.ThreadContext"


@contextmanager
def in_batch(spark: SparkSession, batch: int) -> Iterator[None]:
    """To be entered in `foreachBatch`, where Python's thread speaks to the query's own in the JVM."""
    context = spark.sparkContext
    thread = getattr(context._jvm, _THREAD)  # by the whole name at once: a part of it is a question of its own
    thread.put(BATCH_KEY, str(batch))
    context.setLocalProperty(BATCH_KEY, str(batch))
    try:
        with about(batch=batch):
            yield
    finally:
        with suppress(Exception):  # a JVM that is gone logs nothing, and what ended it is the error to tell
            context.setLocalProperty(BATCH_KEY, None)
            thread.remove(BATCH_KEY)
