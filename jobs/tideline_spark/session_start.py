"""A driver's Spark session comes up while the driver imports, and its Python workers while it reads the books.

A new process begins the session first of all. Nothing here holds up the end of a process that fails meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


class SessionStart:
    """A session that is made beside the thread that begins it; of one that was not begun nothing is waited for."""

    def __init__(self, make: Callable[[], SparkSession] = lambda: SparkSession.builder.getOrCreate()) -> None:
        self._make = make
        self._session: Future[SparkSession] | None = None

    def begin(self) -> None:
        """By the configuration that spark-submit was given."""
        self._session = _beside("session", self._make)

    def begin_workers(self) -> None:
        """As many workers as a batch has tasks are there before its first; without them that begins later, no worse.

        To be called when all is imported: they take the same modules.
        """
        if self._session is not None:
            session = self._session
            _beside("workers", lambda: _use_workers(session.result()))

    def wait(self) -> None:
        """Returns when the session that was begun is there; raises what it failed by."""
        if self._session is not None:
            self._session.result()


def _beside(name: str, work: Callable[[], SparkSession]) -> Future[SparkSession]:
    done: Future[SparkSession] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # whoever waits for it is told
            done.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done


def _use_workers(spark: SparkSession) -> SparkSession:
    """The task is of the kind that a batch's are: Spark keeps the workers of other kinds apart."""
    try:
        tasks = spark.sparkContext.defaultParallelism
        rows = spark.range(tasks, numPartitions=tasks).mapInArrow(_pass_on, "id bigint")
        rows.write.format("noop").mode("overwrite").save()
    except Exception as error:  # the query has its own word about what is wrong
        log.info("the Python workers are started by the first batch: %s", error)
    return spark


def _pass_on(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches


session_start = SessionStart()
"""Of this process."""
