"""A stream in the test's own Spark session, fed batch by batch through the real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery

from support.faults import Faults, FaultyCheckpoint, FaultyTables, Killed, Point
from support.platform import Platform
from tideline.batch_done import BatchDone
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import ensure_topic
from tideline.produce.sender import Sender
from tideline.reconcile import ReconcileResult, reconcile_stream
from tideline.spec.model import StreamSpec
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables
from tideline.verify import verify_stream
from tideline.verify.report import VerifyReport
from tideline_spark.begin_stream import begin_stream
from tideline_spark.books import new_books
from tideline_spark.counter import counter_of, progress_of
from tideline_spark.plan import merge_cells, read_topic, require_watermark_predicate
from tideline_spark.sink import BatchSink, Identity


@dataclass
class StreamRun:
    """One stream with a home, tables and a topic of its own; with one partition batches are exact."""

    spark: SparkSession
    kafka: KafkaAccess
    home: Home
    spec: StreamSpec
    epoch: int = 1
    generation: int = 1
    done: list[BatchDone] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    own_checkpoint: Path | None = None
    partitions: int = 1
    actions: int = 1

    def __post_init__(self) -> None:
        self.topic_id = ensure_topic(self.kafka, self.spec.source.topic, self.partitions)
        self.home.stream(self.spec.name).root.mkdir(parents=True, exist_ok=True)
        self.write_spec()

    def write_spec(self) -> None:
        """As a deploy leaves it for the next driver."""
        self.home.stream(self.spec.name).spec.write_text(self.spec.model_dump_json(exclude_none=True))

    @property
    def tables(self) -> StreamTables:
        return StreamTables(self.home.tables(self.spec.name))

    @property
    def checkpoint(self) -> Path:
        return self.own_checkpoint or self.home.stream(self.spec.name).checkpoint(self.generation)

    @contextmanager
    def driver(self) -> Iterator[StreamingQuery]:
        """A query from the checkpoint, ended when the block is left."""
        books = new_books(self.spark.sparkContext)
        begun = begin_stream(self.home, self.spec, self.generation, self.kafka, self.topic_id)
        identity = Identity(self.spec, begun.eras, self.epoch, self.generation, self.topic_id)
        records = read_topic(self.spark, self.spec, self.kafka, begun.cut.starts)
        groups = merge_cells(records, self.spec, books, begun.eras[-1].kept, identity.pane_ms, begun.quarantine)
        sink = BatchSink(
            identity,
            FaultyCheckpoint(self.checkpoint, self.faults),
            FaultyTables(self.tables.root, self.faults),
            books,
            check_batch=self._check_batch,
            done=self._batch_done,
            counter=lambda batch: counter_of(progress_of(self.spark.streams.active[0], batch - 1)),
        )
        writer = groups.writeStream.outputMode("update").option("checkpointLocation", str(self.checkpoint))

        def act(groups: DataFrame, batch: int) -> None:
            for _ in range(self.actions - 1):
                groups.collect()
            sink(self.faults.in_plan(groups), batch)

        query = writer.trigger(processingTime="50 milliseconds").foreachBatch(act).start()
        try:
            yield query
        finally:
            query.stop()

    def _check_batch(self) -> None:
        self.faults.strike(Point.OFFSETS)
        require_watermark_predicate(self.spark.streams.active[0])

    def _batch_done(self, done: BatchDone) -> None:
        self.done.append(done)
        self.faults.strike(Point.BEFORE_LOG)

    def send(self, *values: bytes | None) -> None:
        """Sends records; they are in the topic when this returns."""
        with Sender(self.kafka, self.spec.source.topic, self.partitions) as sender:
            for value in values:
                sender.send(value)

    def feed(self, query: StreamingQuery, *values: bytes | None) -> None:
        """Sends records as one batch, and waits until the batch and its closing ones are done."""
        self.send(*values)
        query.processAllAvailable()

    def feed_and_die(self, point: Point, *values: bytes | None) -> None:
        """A driver that is killed at a point of the batch that these records make."""
        with self.driver() as query:
            query.processAllAvailable()  # what the driver before left undone is not the batch that is meant
            if point is Point.AFTER_LOG:
                self.feed(query, *values)
                return
            self.faults.point = point
            with pytest.raises(StreamingQueryException, match=Killed.__name__):
                self.feed(query, *values)

    def reconcile(self, progress: Callable[[str], None] = lambda _: None) -> ReconcileResult:
        return reconcile_stream(self.home, self.kafka, self.spec.name, progress=progress)

    def verify(self) -> VerifyReport:
        return verify_stream(self.home, self.kafka, self.spec.name)


def require_exact(run: StreamRun) -> VerifyReport:
    """Reconciles, and asserts that verify holds, that the books balance, and that a second run finds nothing."""
    run.reconcile()
    report = run.verify()
    assert report.holds, report
    assert (report.books.pending, report.books.balanced) == (0, True)
    again = run.reconcile()
    assert (again.corrections, again.rows_published) == (0, 0)
    return report


def counts(run: StreamRun, metric: str = "counts") -> dict[tuple[int, str], int]:
    """(window start in s, service) -> count."""
    table = read_published(run.tables.published(metric))
    rows = [] if table is None else table.to_pylist()
    return {(round(row["window_start"].timestamp()), row["service"]): row["request_count"] for row in rows}


@contextmanager
def setting(spark: SparkSession, name: str, value: str) -> Iterator[None]:
    """A session setting for the queries that are started in the block."""
    before = spark.conf.get(name)
    spark.conf.set(name, value)
    try:
        yield
    finally:
        spark.conf.set(name, before)


def dropped_by_spark(query: StreamingQuery) -> int:
    """Spark's own counter: distinct groups dropped, over the batches it remembers."""
    return sum(
        operator["numRowsDroppedByWatermark"]
        for progress in query.recentProgress
        for operator in progress["stateOperators"]
    )


def new_run(spark: SparkSession, platform: Platform, folder: Path, spec: StreamSpec, partitions: int = 1) -> StreamRun:
    """A stream whose topic is named after the folder, so that no two tests share one."""
    topic = spec.source.model_copy(update={"topic": f"t-{abs(hash(folder))}"})
    home = Home(folder)
    own = spec.model_copy(update={"source": topic})
    return StreamRun(spark, platform.settings.kafka, home, own, partitions=partitions)
