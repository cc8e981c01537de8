"""The driver of a stream of metrics: starts its one query, what feeds it and what passes on its rows, and attends."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from tideline.checkpoint import CheckpointLog
from tideline.clock import now_ms
from tideline.exporter.at_start import windows_at_start
from tideline.home import Home
from tideline.kafka_io import topic_id
from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.records import WHOLE_RECORDS
from tideline.sinks.of_stream import Planned, stream_outlets
from tideline.spec.load import load_spec
from tideline.spec.model import StreamSpec
from tideline.stream_books import reader
from tideline.tables.schemas import StreamTables
from tideline.topic_watch import TopicWatch
from tideline.troubles import ANOMALIES_PART, Trouble, Troubles, table_part
from tideline_spark import lifetime
from tideline_spark.attend import attend
from tideline_spark.begin_stream import begin_stream
from tideline_spark.beside import Beside, FeedQuery, Outlets
from tideline_spark.books import new_books
from tideline_spark.counter import counter_of, progress_of
from tideline_spark.exporter import DriverExporter
from tideline_spark.feed import start_feed
from tideline_spark.fence import Fence
from tideline_spark.heartbeat import Heartbeat
from tideline_spark.lifetime import Arguments, live, new_session
from tideline_spark.plan import merge_cells, read_topic, require_watermark, require_watermark_predicate
from tideline_spark.session_start import session_start
from tideline_spark.sink import BatchSink, Identity

SETTINGS: Final = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "250000",
    "spark.sql.streaming.statefulOperator.allowMultiple": "true",
    "spark.sql.execution.useObjectHashAggregateExec": "false",
    "spark.sql.streaming.stopTimeout": "10s",
}
"""Of the one query's session; no spec may give them, see `tideline.spec.own_settings`."""


def parse_arguments(argv: list[str]) -> Arguments:
    return lifetime.parse_arguments("run_stream.py", f"{__doc__}\n\n{lifetime.__doc__}", argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the stream until it is stopped, superseded or fails; returns the exit code."""
    return live(parse_arguments(sys.argv[1:] if argv is None else argv), _run)


def _run(arguments: Arguments, home: Home, heartbeat: Heartbeat, fence: Fence, exporter: DriverExporter) -> None:
    session_start.begin_workers()
    stream = home.stream(arguments.stream)
    spec = load_spec(stream.spec)
    heartbeat.set_trigger(spec.trigger)
    tables = StreamTables(home.tables(spec.name))
    folder = stream.checkpoint(arguments.generation)
    checkpoint = CheckpointLog(folder)
    topic = topic_id(arguments.kafka, spec.source.topic)
    metrics = exporter.metrics

    def tell_troubles(known: Sequence[Trouble]) -> None:
        heartbeat.tell_troubles(known)
        metrics.troubles(known)

    troubles = Troubles(now_ms, tell_troubles)
    begun = begin_stream(home, spec, arguments.generation, arguments.kafka, topic, troubles.attempt)
    spark = new_session(spec, heartbeat)
    for name, value in SETTINGS.items():
        spark.conf.set(name, value)
    identity = Identity(spec, begun.eras, arguments.epoch, arguments.generation, topic)
    books = new_books(spark.sparkContext)
    records = read_topic(spark, spec, arguments.kafka, begun.cut.starts)
    groups = merge_cells(records, spec, books, begun.eras[-1].kept, identity.pane_ms, begun.quarantine)
    require_watermark(groups)
    guard = _PlanGuard(spark, spec.name)
    watch = TopicWatch(spec.source.topic, topic, partial(topic_id, arguments.kafka, spec.source.topic), now_ms)

    def check_batch() -> None:
        heartbeat.batch_started()
        fence.check()
        watch.check()
        guard.check()

    def counter(batch: int) -> dict[str, str]:
        progress = progress_of(query_named(spark, spec.name), batch - 1)
        metrics.progress(progress)
        return counter_of(progress)

    whole = reader(arguments.kafka, spec, schema=WHOLE_RECORDS)
    outlets = stream_outlets(tables, begun.eras, whole, arguments.kafka)
    metrics.of_metrics(spec, parts_of(spec, outlets))
    metrics.starts_at(lambda: view_checkpoint(folder, spec.source.topic).ends or begun.cut.starts)
    sink = BatchSink(
        identity,
        checkpoint,
        tables,
        books,
        check_batch=check_batch,
        done=lambda done: heartbeat.batch_done(spec.source.topic, done),
        counter=counter,
        attempt=troubles.attempt,
        published=metrics.published,
    )
    query = (
        groups.writeStream.queryName(spec.name)
        .outputMode("update")
        .option("checkpointLocation", str(folder))
        .trigger(processingTime=f"{spec.trigger} milliseconds")
        .foreachBatch(sink)
        .start()
    )
    heartbeat.query_started()
    exporter.watch(spec, arguments.kafka, spec.source.topic, query, partial(windows_at_start, tables, spec))
    beside: list[Beside] = [Outlets(outlets, fence, troubles)] if outlets else []
    if spec.source.feed:
        beside.append(FeedQuery(start_feed(spark, spec, spec.source.feed, arguments.kafka, stream.feed, fence.check)))
    attend(query, stream.stop_request, fence, heartbeat, beside)
    spark.stop()


def query_named(spark: SparkSession, name: str) -> StreamingQuery:
    """The running query of this name."""
    return next(query for query in spark.streams.active if query.name == name)


def parts_of(spec: StreamSpec, outlets: Iterable[Planned]) -> list[str]:
    """What of the driver can fail alone."""
    detectors = [*(f"detector {kind}" for kind in spec.detectors), *([ANOMALIES_PART] if spec.detectors else [])]
    return [*map(table_part, spec.metrics), *detectors, *(outlet.name for outlet in outlets)]


class _PlanGuard:
    """Looks at the physical plan once, in the first batch."""

    def __init__(self, spark: SparkSession, name: str) -> None:
        self._spark = spark
        self._name = name
        self._checked = False

    def check(self) -> None:
        if not self._checked:
            require_watermark_predicate(query_named(self._spark, self._name))
            self._checked = True
