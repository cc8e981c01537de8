"""The reconciliation of one stream as a Spark batch job: the same plan, SQL, commit and publication as in process."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import SparkSession

from tideline.errors import UserError
from tideline.gate.corrections import gate_of
from tideline.home import Home
from tideline.kafka_access import REDACTED
from tideline.logs.context import About
from tideline.reconcile import reconcile_books
from tideline.reconcile_plan import Interval
from tideline.stream_books import open_books
from tideline_spark.entry import JobArguments, job_parser, log_to_output
from tideline_spark.late_reads import SparkReader

log = logging.getLogger("tideline")


@dataclass(frozen=True)
class Arguments(JobArguments):
    """The command line of a reconciliation; `since` and `until` are recorded times of batches, `run` its name."""

    since: datetime | None
    until: datetime | None
    run: str


def parse_arguments(argv: list[str]) -> Arguments:
    parser = job_parser("run_reconcile.py", __doc__)
    for limit in ("--since", "--until"):
        parser.add_argument(limit, type=_time, help="an ISO time with its zone, such as 2026-01-31T10:00:00Z")
    parser.add_argument("--run", default="reconcile-by-spark", help="names it in Data Docs and holds")
    return Arguments(**vars(parser.parse_args(argv)))


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone: write {text}Z for UTC")
    return time


def main(argv: list[str] | None = None) -> int:
    """Reconciles the stream and prints what was done as one JSON line; returns the exit code, 1 after an error."""
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    log_to_output(About(arguments.stream))
    spark = _session(arguments.stream)
    try:
        home, run = Home(arguments.home), arguments.run
        books = open_books(home, arguments.kafka, arguments.stream)
        interval = Interval(arguments.since, arguments.until)
        reader = SparkReader(spark, arguments.kafka)
        done = reconcile_books(books, interval, log.info, reader, gate_of(home, run), run)
        print(json.dumps(done.as_dict()))  # noqa: T201
    except UserError as error:
        log.error("%s: %s", error.message, error.fix)
        return 1
    finally:
        spark.stop()
    return 0


def _session(stream: str) -> SparkSession:
    return (
        SparkSession.builder.appName(f"tideline-reconcile-{stream}")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 100_000)
        .config("spark.sql.redaction.options.regex", REDACTED)
        .getOrCreate()
    )
