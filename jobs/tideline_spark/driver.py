"""The driver of one stream: starts the query, tells its heartbeat, obeys the epoch, ends with a code that says why.

Exit codes: 0 stopped as asked, 64 superseded by a newer epoch, 65 the spec or its configuration is wrong,
66 checkpoint or offsets are not what they were, 70 the query failed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from tideline.checkpoint import CheckpointLog
from tideline.home import Home, StreamHome
from tideline.kafka_io import topic_id
from tideline.spec.load import SpecError, load_spec
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_ledger
from tideline.tables.delta import Superseded
from tideline.tables.schemas import StreamTables
from tideline_spark.books import new_books
from tideline_spark.fence import Fence
from tideline_spark.heartbeat import Heartbeat
from tideline_spark.plan import NoWatermark, merge_cells, read_topic, require_watermark, require_watermark_predicate
from tideline_spark.sink import BatchSink, Identity

log = logging.getLogger("tideline")
DRAIN_S = 30.0


class Exit(IntEnum):
    """Why a driver ended."""

    STOPPED = 0
    SUPERSEDED = 64
    CONFIGURATION = 65
    STATE = 66
    FAILED = 70


@dataclass(frozen=True)
class Arguments:
    """The command line of a driver."""

    stream: str
    home: Path
    epoch: int
    generation: int
    tag: str
    bootstrap: str


class StateLost(Exception):
    """The checkpoint does not hold what the ledger says was committed."""


def parse_arguments(argv: list[str]) -> Arguments:
    parser = argparse.ArgumentParser(prog="run_stream.py", description=__doc__)
    parser.add_argument("--stream", required=True)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--epoch", required=True, type=int)
    parser.add_argument("--generation", required=True, type=int)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--bootstrap", required=True)
    return Arguments(**vars(parser.parse_args(argv)))


def main(argv: list[str] | None = None) -> int:
    """Runs the stream until it is stopped, superseded or fails; returns the exit code."""
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    for chatty in ("py4j", "kafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    home = Home(arguments.home)
    stream = home.stream(arguments.stream)
    facts = {name: getattr(arguments, name) for name in ("stream", "epoch", "generation", "tag")}
    fence = Fence(stream.epochs, arguments.epoch)
    heartbeat = Heartbeat(stream.heartbeat, facts, fence, _clock_ms)
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


def exit_code(error: Exception) -> Exit:
    """Classifies what ended the driver; a failed query is looked through to its cause."""
    text = str(error)
    if isinstance(error, Superseded) or "tideline.tables.delta.Superseded" in text:
        return Exit.SUPERSEDED
    if isinstance(error, SpecError | NoWatermark) or "tideline_spark.plan.NoWatermark" in text:
        return Exit.CONFIGURATION
    gone = ("KAFKA_DATA_LOSS", "OffsetOutOfRange", "Some data may have been lost", "StateStore")
    if isinstance(error, StateLost) or (isinstance(error, StreamingQueryException) and any(g in text for g in gone)):
        return Exit.STATE
    return Exit.FAILED


def _run(arguments: Arguments, home: Home, heartbeat: Heartbeat, fence: Fence) -> None:
    stream = home.stream(arguments.stream)
    spec = load_spec(stream.spec)
    heartbeat.set_trigger(spec.trigger)
    tables = StreamTables(home.tables(spec.name))
    checkpoint = CheckpointLog(stream.checkpoint(arguments.generation))
    require_checkpoint(tables, checkpoint, arguments.generation)
    spark = _session(spec)
    heartbeat.tell(ui=spark.sparkContext.uiWebUrl)
    identity = Identity(spec, arguments.epoch, arguments.generation, topic_id(arguments.bootstrap, spec.source.topic))
    books = new_books(spark.sparkContext)
    groups = merge_cells(read_topic(spark, spec, arguments.bootstrap), spec, books)
    require_watermark(groups)
    guard = _PlanGuard(spark)

    def check_batch() -> None:
        heartbeat.batch_started()
        fence.check()
        guard.check()

    sink = BatchSink(
        identity,
        checkpoint,
        tables,
        books,
        check_batch=check_batch,
        done=lambda done: heartbeat.batch_done(spec.source.topic, done),
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
    _attend(query, stream, fence, heartbeat)
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


def require_checkpoint(tables: StreamTables, checkpoint: CheckpointLog, generation: int) -> None:
    """Refuses to begin again at batch 0 under a generation that has batches in the ledger."""
    done = [row.batch for row in read_ledger(tables) if row.generation == generation]
    planned = checkpoint.last_offsets()
    if done and (planned is None or planned < max(done)):
        raise StateLost(
            f"generation {generation} has batches up to {max(done)} in the ledger, its checkpoint ends at {planned}: "
            "deploy a new generation"
        )


def _attend(query: StreamingQuery, stream: StreamHome, fence: Fence, heartbeat: Heartbeat) -> None:
    """Waits until the query ends, a stop is asked for, or a newer epoch appears while nothing arrives."""
    while not query.awaitTermination(1):
        if not query.status["isTriggerActive"]:  # the JVM answers and has nothing to do
            heartbeat.idle()
        fence.check()
        if stop_requested(stream.stop_request, fence.epoch):
            log.info("stop was asked for: the batch in flight is finished first")
            _drain(query)
            return


def _drain(query: StreamingQuery) -> None:
    deadline = time.monotonic() + DRAIN_S
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.05)
    query.stop()


def stop_requested(path: Path, epoch: int) -> bool:
    """Whether the stop file names this epoch or a later one."""
    try:
        return int(path.read_text().strip() or 0) >= epoch
    except (FileNotFoundError, ValueError):
        return False


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


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
