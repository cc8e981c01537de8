"""The driver of one stream: starts the query, tells its heartbeat, obeys the epoch, ends with a code that says why.

Exit codes: 0 stopped as asked, 64 superseded by a newer epoch, 65 the spec or its configuration is wrong,
66 checkpoint or offsets are not what they were, 70 the query failed.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from functools import partial

from pyspark.sql import SparkSession

from tideline.checkpoint import CheckpointLog
from tideline.clock import now_ms
from tideline.home import Home
from tideline.kafka_io import topic_id
from tideline.spec.load import load_spec
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import StreamTables
from tideline.topic_watch import TopicWatch
from tideline_spark.attend import attend
from tideline_spark.begin_stream import begin_stream
from tideline_spark.books import new_books
from tideline_spark.counter import counter_before
from tideline_spark.entry import JobArguments, job_parser, log_to_output
from tideline_spark.exits import Exit, exit_code
from tideline_spark.fence import Fence
from tideline_spark.heartbeat import Heartbeat
from tideline_spark.plan import merge_cells, read_topic, require_watermark, require_watermark_predicate
from tideline_spark.sink import BatchSink, Identity

log = logging.getLogger("tideline")


@dataclass(frozen=True)
class Arguments(JobArguments):
    """The command line of a driver."""

    epoch: int
    generation: int
    tag: str


def parse_arguments(argv: list[str]) -> Arguments:
    parser = job_parser("run_stream.py", __doc__)
    parser.add_argument("--epoch", required=True, type=int)
    parser.add_argument("--generation", required=True, type=int)
    parser.add_argument("--tag", required=True)
    return Arguments(**vars(parser.parse_args(argv)))


def main(argv: list[str] | None = None) -> int:
    """Runs the stream until it is stopped, superseded or fails; returns the exit code."""
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    log_to_output()
    home = Home(arguments.home)
    stream = home.stream(arguments.stream)
    facts = {name: getattr(arguments, name) for name in ("stream", "epoch", "generation", "tag")}
    fence = Fence(stream.epochs, arguments.epoch)
    heartbeat = Heartbeat(stream.heartbeat, facts, fence, now_ms)
    try:
        fence.check()
        heartbeat.start()
        _run(arguments, home, heartbeat, fence)
    except Exception as error:
        code = exit_code(error)
        log.error("the driver of %s ends: %s", arguments.stream, code.name, exc_info=code is not Exit.SUPERSEDED)
        if not isinstance(error, ConnectionError):  # a JVM that is gone was killed: its launcher knows more
            heartbeat.tell(state="failed", exception=_first_line(error))
        return code
    finally:
        heartbeat.stop()
    heartbeat.tell(state="stopped")
    return Exit.STOPPED


def _run(arguments: Arguments, home: Home, heartbeat: Heartbeat, fence: Fence) -> None:
    stream = home.stream(arguments.stream)
    spec = load_spec(stream.spec)
    heartbeat.set_trigger(spec.trigger)
    tables = StreamTables(home.tables(spec.name))
    checkpoint = CheckpointLog(stream.checkpoint(arguments.generation))
    topic = topic_id(arguments.bootstrap, spec.source.topic)
    begun = begin_stream(home, spec, arguments.generation, arguments.bootstrap, topic)
    spark = _session(spec)
    heartbeat.tell(ui=spark.sparkContext.uiWebUrl)
    identity = Identity(spec, begun.eras, arguments.epoch, arguments.generation, topic)
    books = new_books(spark.sparkContext)
    records = read_topic(spark, spec, arguments.bootstrap, begun.cut.starts)
    groups = merge_cells(records, spec, books, begun.eras[-1].bounds, identity.pane_ms, begun.quarantine)
    require_watermark(groups)
    guard = _PlanGuard(spark)
    watch = TopicWatch(spec.source.topic, topic, partial(topic_id, arguments.bootstrap, spec.source.topic), now_ms)

    def check_batch() -> None:
        heartbeat.batch_started()
        fence.check()
        watch.check()
        guard.check()

    sink = BatchSink(
        identity,
        checkpoint,
        tables,
        books,
        check_batch=check_batch,
        done=lambda done: heartbeat.batch_done(spec.source.topic, done),
        counter=lambda batch: counter_before(spark.streams.active[0], batch),
    )
    query = (
        groups.writeStream.queryName(spec.name)
        .outputMode("update")
        .option("checkpointLocation", str(stream.checkpoint(arguments.generation)))
        .trigger(processingTime=f"{spec.trigger} milliseconds")
        .foreachBatch(sink)
        .start()
    )
    heartbeat.query_started()
    attend(query, stream.stop_request, fence, heartbeat)
    spark.stop()


class _PlanGuard:
    """Looks at the physical plan once, in the first batch."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._checked = False

    def check(self) -> None:
        if not self._checked:
            require_watermark_predicate(self._spark.streams.active[0])
            self._checked = True


def _session(spec: StreamSpec) -> SparkSession:
    return (
        SparkSession.builder.appName(f"tideline-{spec.name}")
        .config("spark.sql.shuffle.partitions", spec.spark.shuffle_partitions)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 100_000)
        .config("spark.sql.streaming.statefulOperator.allowMultiple", "true")
        .config("spark.sql.streaming.minBatchesToRetain", 100)
        .getOrCreate()
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
