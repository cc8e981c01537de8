"""A driver's Spark session comes up, and its Python workers with it, while the driver imports and reads the books.

A new process begins it first of all, and `wait_for_session` waits for it; one that was not begun is not waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
_begun: list[Future[None]] = []


def begin_session() -> None:
    """Begins the session of this process, by the configuration that spark-submit was given."""
    pool = ThreadPoolExecutor(2, "session")
    _begun.append(pool.submit(_start, pool))


def wait_for_session() -> None:
    """Returns when the session that was begun is there; raises what it failed by."""
    while _begun:
        _begun.pop().result()


def _start(pool: ThreadPoolExecutor) -> None:
    spark = SparkSession.builder.getOrCreate()
    pool.submit(_warm_up, spark)


def _warm_up(spark: SparkSession) -> None:
    """As many workers as a batch has tasks are there before its first; without them that begins later, and no worse."""
    try:
        tasks = spark.sparkContext.defaultParallelism
        rows = spark.range(tasks, numPartitions=tasks).mapInArrow(_pass, "id bigint")
        rows.write.format("noop").mode("overwrite").save()
    except Exception as error:  # the query has its own word about what is wrong
        log.info("the Python workers are started by the first batch: %s", error)


def _pass(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The task of a worker that has nothing to do yet; of the kind that a batch's are, or it is another's worker."""
    yield from batches
