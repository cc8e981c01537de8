"""A stream in the test's own Spark session, fed batch by batch through the real broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from support.platform import Platform
from tideline.begin import Start, begin_generation
from tideline.checkpoint import CheckpointLog
from tideline.home import Home
from tideline.kafka_io import ensure_topic
from tideline.produce.sender import Sender
from tideline.quarantine import load_quarantine
from tideline.reconcile import ReconcileResult, reconcile_stream
from tideline.rejects import quarantine_at_start
from tideline.spec.model import StreamSpec
from tideline.stream_books import reader
from tideline.tables.books import read_last_row
from tideline.tables.schemas import StreamTables
from tideline.verify import verify_stream
from tideline.verify.report import VerifyReport
from tideline_spark.books import new_books
from tideline_spark.plan import merge_cells, read_topic, require_watermark_predicate
from tideline_spark.sink import BatchDone, BatchSink, Identity


@dataclass
class StreamRun:
    """One stream with a home, tables and a topic of its own; the topic has one partition, so that batches are exact."""

    spark: SparkSession
    bootstrap: str
    home: Home
    spec: StreamSpec
    epoch: int = 1
    generation: int = 1
    done: list[BatchDone] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topic_id = ensure_topic(self.bootstrap, self.spec.source.topic, 1)
        stream = self.home.stream(self.spec.name)
        stream.root.mkdir(parents=True, exist_ok=True)
        stream.spec.write_text(self.spec.model_dump_json(exclude_none=True))

    @property
    def tables(self) -> StreamTables:
        return StreamTables(self.home.tables(self.spec.name))

    @property
    def checkpoint(self) -> Path:
        return self.home.stream(self.spec.name).checkpoint(self.generation)

    @contextmanager
    def driver(self) -> Iterator[StreamingQuery]:
        """A query from the checkpoint, ended when the block is left."""
        books = new_books(self.spark.sparkContext)
        start = Start(self.generation, self.spec, self.topic_id, {0: 0}, 1)
        cut, eras = begin_generation(self.tables, start, reader(self.bootstrap, self.spec))
        identity = Identity(self.spec, eras, self.epoch, self.generation, self.topic_id)
        records = read_topic(self.spark, self.spec, self.bootstrap, cut.starts)
        listed = load_quarantine(self.home.stream(self.spec.name).quarantine)
        quarantine = quarantine_at_start(self.tables, listed, read_last_row(self.tables))
        groups = merge_cells(records, self.spec, books, eras[-1].bounds, identity.pane_ms, quarantine)
        sink = BatchSink(
            identity,
            CheckpointLog(self.checkpoint),
            self.tables,
            books,
            check_batch=lambda: require_watermark_predicate(self.spark.streams.active[0]),
            done=self.done.append,
        )
        writer = groups.writeStream.outputMode("update").option("checkpointLocation", str(self.checkpoint))
        query = writer.trigger(processingTime="50 milliseconds").foreachBatch(sink).start()
        try:
            yield query
        finally:
            query.stop()

    def feed(self, query: StreamingQuery, *values: bytes | None) -> None:
        """Sends records as one batch, and waits until the batch and its closing ones are done."""
        with Sender(self.bootstrap, self.spec.source.topic, 1) as sender:
            for value in values:
                sender.send(value)
        query.processAllAvailable()

    def reconcile(self) -> ReconcileResult:
        return reconcile_stream(self.home, self.bootstrap, self.spec.name)

    def verify(self) -> VerifyReport:
        return verify_stream(self.home, self.bootstrap, self.spec.name)


def dropped_by_spark(query: StreamingQuery) -> int:
    """Spark's own counter: distinct groups dropped, over the batches it remembers."""
    return sum(
        operator["numRowsDroppedByWatermark"]
        for progress in query.recentProgress
        for operator in progress["stateOperators"]
    )


def new_run(spark: SparkSession, platform: Platform, folder: Path, spec: StreamSpec) -> StreamRun:
    """A stream whose topic is named after the folder, so that no two tests share one."""
    topic = spec.source.model_copy(update={"topic": f"t-{abs(hash(folder))}"})
    home = Home(folder)
    return StreamRun(spark, platform.settings.bootstrap_servers, home, spec.model_copy(update={"source": topic}))
