"""The reconciliation of one stream as a Spark batch job: the same plan, SQL, commit and publication as in process."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyspark.sql import SparkSession

from tideline.errors import UserError
from tideline.home import Home
from tideline.reconcile import reconcile_books
from tideline.reconcile_plan import Interval
from tideline.stream_books import open_books
from tideline_spark.late_reads import SparkReader

log = logging.getLogger("tideline")


@dataclass(frozen=True)
class Arguments:
    """The command line of a reconciliation; `since` and `until` are recorded times of batches."""

    stream: str
    home: Path
    bootstrap: str
    since: datetime | None
    until: datetime | None


def parse_arguments(argv: list[str]) -> Arguments:
    parser = argparse.ArgumentParser(prog="run_reconcile.py", description=__doc__)
    parser.add_argument("--stream", required=True)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--bootstrap", required=True)
    for limit in ("--since", "--until"):
        parser.add_argument(limit, type=_time, help="an ISO time with its zone, such as 2026-01-31T10:00:00Z")
    return Arguments(**vars(parser.parse_args(argv)))


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone: write {text}Z for UTC")
    return time


def main(argv: list[str] | None = None) -> int:
    """Reconciles the stream and prints what was done as one JSON line; returns the exit code, 1 after an error."""
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    for chatty in ("py4j", "kafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    spark = _session(arguments.stream)
    try:
        books = open_books(Home(arguments.home), arguments.bootstrap, arguments.stream)
        interval = Interval(arguments.since, arguments.until)
        reader = SparkReader(spark, arguments.bootstrap)
        print(json.dumps(reconcile_books(books, interval, log.info, reader).as_dict()))  # noqa: T201
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
        .getOrCreate()
    )
