"""The runtime of a stream that runs a person's own Spark job: session, checkpoint, fencing, heartbeat, graceful stop.

def main(job: Job) -> None:
    orders = job.spark.readStream.format("kafka")...
    job.run(orders.writeStream.foreachBatch(job.fenced(write)))

run_job(main)
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import DataStreamWriter
from pyspark.streaming import StreamingContext

from tideline.durations import format_duration
from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.spec.job import Argument, JobSpec
from tideline.spec.load import load_any_spec
from tideline.tables.delta import append_once
from tideline.versions import version_of
from tideline_spark.attend import attend, attend_context
from tideline_spark.batch_log import in_batch
from tideline_spark.entry import leave
from tideline_spark.exporter import DriverExporter
from tideline_spark.fence import Fence
from tideline_spark.heartbeat import Heartbeat
from tideline_spark.lifetime import Arguments, live, new_session, parse_arguments
from tideline_spark.listeners import BatchListener, QueryListener

log = logging.getLogger("tideline")
_running: list[Job] = []
T = TypeVar("T", str, int)

WRITE_AHEAD: Final = "spark.streaming.receiver.writeAheadLog.enable"
"""Without it a receiver of DStreams loses what a killed driver had received and not yet counted."""


@dataclass(frozen=True)
class Job:
    """What a job is given. `checkpoint` is the folder of its lineage, in which batches are numbered once: those of its
    generation, or of its epoch where each start is made anew."""

    spec: JobSpec
    spark: SparkSession
    kafka: KafkaAccess
    checkpoint: Path
    tables: Path
    epoch: int
    lineage: int
    _stop_request: Path
    _fence: Fence
    _heartbeat: Heartbeat
    _exporter: DriverExporter

    @property
    def topic(self) -> str:
        """The Kafka topic that the spec names; UserError where it names none."""
        if self.spec.topic is None:
            raise UserError(f"stream '{self.spec.name}' names no topic", "add `topic:` to its spec")
        return self.spec.topic

    @property
    def arguments(self) -> Mapping[str, Argument]:
        """As the spec has them."""
        return self.spec.arguments

    def text(self, name: str) -> str:
        """An argument that must be there and be a text; UserError names it."""
        return self._argument(name, str, "a text")

    def whole(self, name: str) -> int:
        """An argument that must be there and be a whole number; UserError names it."""
        return self._argument(name, int, "a whole number")

    def _argument(self, name: str, kind: type[T], what: str) -> T:
        value = self.spec.arguments.get(name)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        problem = f"must be {what}, not {value!r}" if name in self.spec.arguments else f"is missing: {what}"
        raise UserError(f"argument '{name}' of stream '{self.spec.name}' {problem}", "mend `arguments:` of its spec")

    def check(self) -> None:
        """Raises Superseded once a newer driver of the stream was started: call it before anything is written."""
        self._fence.check()

    def fenced(self, write: Callable[[DataFrame, int], None]) -> Callable[[DataFrame, int], None]:
        """A function for `foreachBatch` that a superseded driver does not call."""

        def checked(rows: DataFrame, batch: int) -> None:
            self._heartbeat.batch_started()
            with in_batch(rows.sparkSession, batch):
                self.check()
                write(rows, batch)

        return checked

    def run(self, writer: DataStreamWriter) -> None:
        """Starts the query with the stream's name, trigger and checkpoint, and attends to it until it is to stop."""
        metrics, topic = self._exporter.metrics, self.spec.topic
        metrics.starts_at(lambda: view_checkpoint(self.checkpoint, topic).ends)
        self.spark.streams.addListener(QueryListener(self._heartbeat, metrics.progress, topic))
        query = (
            writer.queryName(self.spec.name)
            .option("checkpointLocation", str(self.checkpoint))
            .trigger(processingTime=f"{self.spec.trigger} milliseconds")
            .start()
        )
        self._heartbeat.query_started()
        self._exporter.watch(self.spec, self.kafka, topic)
        attend(query, self._stop_request, self._fence, self._heartbeat)

    def run_dstreams(self, define: Callable[[StreamingContext], None]) -> None:
        """Runs DStreams by the trigger's interval: as `define` makes them, or as the checkpoint has kept them.

        What they call is kept in the checkpoint with them, so it must hold no job: it asks `current_job`. UserError for
        a trigger that is no whole number of seconds.
        """
        seconds = interval_s(self.spec)

        def new_context() -> StreamingContext:
            context = StreamingContext(self.spark.sparkContext, seconds)
            define(context)
            return context

        context = StreamingContext.getOrCreate(str(self.checkpoint), new_context)
        context.addStreamingListener(BatchListener(self._heartbeat))
        context.start()
        self._heartbeat.query_started()
        self._exporter.watch(self.spec, self.kafka, self.spec.topic)
        attend_context(context, self._stop_request, self._fence)

    def replace(self, table: str, rows: pa.Table) -> None:
        """Makes these the rows of one of the stream's tables."""
        self.check()
        write_deltalake(str(self._table(table)), rows, mode="overwrite")

    def append(self, table: str, rows: pa.Table, batch: int) -> None:
        """Adds a batch's rows to one of the stream's tables; a batch that is done again adds nothing.

        Superseded when a newer generation has written there. `batch` grows within a generation.
        """
        self.check()
        append_once(self._table(table), rows, f"tideline-{table}", version_of(self.lineage, batch), [])

    def _table(self, name: str) -> Path:
        path = self.tables / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def interval_s(spec: JobSpec) -> int:
    """The seconds from one batch of its DStreams to the next; UserError where they are not whole: a batch of DStreams
    has no number but the second at which it ends, and of two in one second the tables would take one."""
    seconds, rest = divmod(spec.trigger, 1000)
    if rest or not seconds:
        message = f"the trigger of stream '{spec.name}' is {format_duration(spec.trigger)}: DStreams need whole seconds"
        raise UserError(message, "write a `trigger:` such as 1 second, or use Structured Streaming")
    return seconds


def current_job() -> Job:
    """The job of this driver."""
    return _running[-1]


def run_job(main: Callable[[Job], None], *, anew: bool = False) -> NoReturn:
    """Runs a job as the driver of its stream, and ends the process with the code that says why it ended.

    `anew`: each start has an empty checkpoint, for a source that cannot be read again, such as a socket.
    """

    def work(arguments: Arguments, home: Home, heartbeat: Heartbeat, fence: Fence, exporter: DriverExporter) -> None:
        stream = home.stream(arguments.stream)
        spec = load_any_spec(stream.spec)
        if not isinstance(spec, JobSpec):
            raise UserError(f"{stream.spec} is the spec of metrics, not of a job", "deploy the stream anew")
        heartbeat.set_trigger(spec.trigger)
        checkpoint, lineage = stream.checkpoint(arguments.generation), arguments.epoch if anew else arguments.generation
        job = Job(
            spec,
            new_session(spec, heartbeat),
            arguments.kafka,
            checkpoint / f"e{arguments.epoch}" if anew else checkpoint,
            home.tables(spec.name),
            arguments.epoch,
            lineage,
            stream.stop_request,
            fence,
            heartbeat,
            exporter,
        )
        log.info("%s runs %s with %s", spec.name, spec.entrypoint, json.dumps(spec.arguments))
        _running.append(job)
        main(job)
        job.spark.stop()

    leave(live(parse_arguments(Path(sys.argv[0]).name, main.__doc__, sys.argv[1:]), work))
