"""The life of a driver: it obeys the newest epoch, tells its heartbeat, and ends with a code that says why.

Exit codes: 0 stopped as asked, 64 superseded by a newer epoch, 65 the spec or its configuration is wrong,
66 checkpoint, state or offsets are not what they were, 67 the code is wrong, 68 it was not let in, 69 out of memory,
70 it failed, 71 what it needs is gone: the broker, the network, the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import SparkSession

from tideline import __version__
from tideline.checkpoint import CheckpointLog
from tideline.clock import now_ms
from tideline.exporter.driver_metrics import DriverMetrics
from tideline.exporter.driver_seen import DriverSeen
from tideline.home import Home
from tideline.kafka_access import REDACTED
from tideline.logs.context import About
from tideline.spec.model import Driven
from tideline_spark.entry import JobArguments, job_parser, log_to_output
from tideline_spark.exits import Exit, exit_code, last_words
from tideline_spark.exporter import DriverExporter
from tideline_spark.fence import Fence
from tideline_spark.heartbeat import Heartbeat
from tideline_spark.session_start import session_start

log = logging.getLogger("tideline")


@dataclass(frozen=True)
class Arguments(JobArguments):
    """The command line of a driver."""

    epoch: int
    generation: int
    tag: str


Work = Callable[[Arguments, Home, Heartbeat, Fence, DriverExporter], None]
"""What a driver does while it lives; it returns when a stop was asked for."""


def parse_arguments(program: str, description: str | None, argv: list[str]) -> Arguments:
    parser = job_parser(program, description)
    parser.add_argument("--epoch", required=True, type=int)
    parser.add_argument("--generation", required=True, type=int)
    parser.add_argument("--tag", required=True)
    return Arguments(**vars(parser.parse_args(argv)))


def live(arguments: Arguments, work: Work) -> int:
    """Does the work until it is stopped, superseded or fails; returns the exit code."""
    log_to_output(About(arguments.stream, arguments.generation, arguments.epoch))
    home = Home(arguments.home)
    stream = home.stream(arguments.stream)
    facts = {name: getattr(arguments, name) for name in ("stream", "epoch", "generation", "tag")}
    fence = Fence(stream.epochs, arguments.epoch)
    exporter = _new_exporter(arguments)
    heartbeat = Heartbeat(stream.heartbeat, facts, fence, now_ms, exporter.metrics.batch_done)
    try:
        fence.check()
        heartbeat.start()
        heartbeat.tell(metrics=exporter.start())
        work(arguments, home, heartbeat, fence, exporter)
    except Exception as error:
        code = exit_code(error)
        log.error("the driver of %s ends: %s", arguments.stream, code.name, exc_info=code is not Exit.SUPERSEDED)
        if not isinstance(error, ConnectionError):  # a JVM that is gone was killed: its launcher knows more
            checkpoint = CheckpointLog(stream.checkpoint(arguments.generation))
            heartbeat.tell(state="failed", **last_words(error, checkpoint.query_id()))
        exporter.stop(as_asked=False)
        return code
    finally:
        heartbeat.stop()
    heartbeat.tell(state="stopped")
    exporter.stop(as_asked=True)
    return Exit.STOPPED


def _new_exporter(arguments: Arguments) -> DriverExporter:
    seen = DriverSeen(arguments.stream, __version__, arguments.epoch, arguments.generation, now_ms())
    return DriverExporter(arguments.stream, DriverMetrics(seen, now_ms))


def session_settings(spec: Driven) -> dict[str, str]:
    """Of every driver's session; no spec may give them, see `tideline.spec.own_settings`."""
    return {
        "spark.sql.shuffle.partitions": str(spec.spark.shuffle_partitions),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.streaming.minBatchesToRetain": "100",
        "spark.sql.redaction.options.regex": REDACTED,
    }


def new_session(spec: Driven, heartbeat: Heartbeat) -> SparkSession:
    """The stream's session, in UTC; its UI is told to whoever asks the heartbeat."""
    session_start.wait()
    spark = SparkSession.builder.config(map=session_settings(spec)).getOrCreate()
    heartbeat.tell(ui=spark.sparkContext.uiWebUrl)
    return spark
