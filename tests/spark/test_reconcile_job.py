"""A reconciliation through Spark leaves the rows that one in process leaves."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from support.platform import Platform
from support.records import log_line, small_spec
from support.stream_run import StreamRun, new_run
from tideline.home import Home
from tideline.kafka_io import OffsetsGone, read_ranges
from tideline.late_record import LateRecord
from tideline.read_rounds import rounds
from tideline.reconcile import ReconcileResult, plan_stream, reconcile_books, reconcile_stream
from tideline.reconcile_plan import ReconcilePlan
from tideline.stream_books import open_books
from tideline.tables.books import read_corrections
from tideline.tables.late_events import read_late_events
from tideline.tables.published import read_published
from tideline.tables.schemas import BY_COMMIT, StreamTables
from tideline.verify import verify_stream
from tideline_spark.late_reads import SparkReader, read_round
from tideline_spark.reconcile_job import parse_arguments

MEASURES = {
    "request_count": "count",
    "average": "avg(response_time)",
    "deviation": "stddev(response_time)",
    "slowest": "max(response_time)",
    "users": "set(user_id)",
}
FIRST = {"window": "10 seconds", "keys": ["service"], "measures": MEASURES}
SECOND = {"window": "20 seconds", "slide": "10 seconds", "keys": ["service"], "measures": {"n": "count"}}
METRICS = {"counts": small_spec(counts=FIRST), "sliding": small_spec(counts=FIRST, sliding=SECOND)}


def lines(times: Iterable[float]) -> list[bytes]:
    """Three events a time, so that each partition gets one."""
    return [log_line(t, service, user_id=f"u{t}", response_time=t / 7) for t in times for service in ("a", "b", "a")]


@dataclass(frozen=True)
class Reconciled:
    """One stream's plan, and its home after either way."""

    plan: ReconcilePlan
    by_task: ReconcileResult
    by_spark: ReconcileResult
    task_home: Home
    spark_home: Home
    run: StreamRun


@pytest.fixture(scope="module")
def reconciled(spark: SparkSession, platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Reconciled:
    """Two generations, the second by a spec that owns the later windows, three partitions, late events in both."""
    home = tmp_path_factory.mktemp("reconciled") / "task"
    first = new_run(spark, platform, home, METRICS["counts"], partitions=3)
    with first.driver() as query:
        for times in ([1, 2, 100], [3, 4], [101], [15, 105], [106], [7, 95]):
            first.feed(query, *lines(times))
    spec = METRICS["sliding"].model_copy(update={"source": first.spec.source})
    second = replace(first, spec=spec, generation=2)
    with second.driver() as query:
        for times in ([110, 200], [5, 111, 180], [201], [202], [112, 8, 185], [203]):
            second.feed(query, *lines(times))
    other = home.with_name("spark")
    shutil.copytree(home, other)
    plan = plan_stream(second.home, spec.name)
    by_task = reconcile_stream(second.home, second.kafka, spec.name)
    books = open_books(Home(other), second.kafka, spec.name)
    by_spark = reconcile_books(books, compute=SparkReader(spark, second.kafka))
    return Reconciled(plan, by_task, by_spark, Home(home), Home(other), second)


def rows(table: Any) -> list[str]:
    """The rows without what their commit added, which is not what they hold."""
    added = [name for name in BY_COMMIT.names if name in table.column_names]
    return sorted(str(sorted(row.items())) for row in table.drop_columns(added).to_pylist())


def tables(home: Home) -> StreamTables:
    return StreamTables(home.tables("small"))


def test_the_stream_has_what_makes_it_hard(reconciled: Reconciled) -> None:
    assert set(reconciled.plan.ranges) == {0, 1, 2}
    assert len(rounds(reconciled.plan.ranges)) > 2
    assert {version >> 32 for version in reconciled.plan.versions} == {1, 2}


def test_both_ways_write_the_same_corrections(reconciled: Reconciled) -> None:
    spec = reconciled.run.spec
    by_task, by_spark = (read_corrections(tables(home), spec) for home in (reconciled.task_home, reconciled.spark_home))
    assert len(by_task) == reconciled.by_task.corrections > 20
    assert rows(by_spark) == rows(by_task)


@pytest.mark.parametrize("metric", ["counts", "sliding"])
def test_both_ways_publish_the_same_rows(reconciled: Reconciled, metric: str) -> None:
    by_task, by_spark = (
        read_published(tables(home).published(metric)) for home in (reconciled.task_home, reconciled.spark_home)
    )
    assert by_task is not None and by_spark is not None
    assert any(row["revision"] for row in by_task.to_pylist())
    assert rows(by_spark) == rows(by_task)


def test_both_ways_record_the_same_late_events(reconciled: Reconciled) -> None:
    by_task, by_spark = (read_late_events(tables(home)) for home in (reconciled.task_home, reconciled.spark_home))
    assert len(by_task) > reconciled.plan.events > 0  # with sliding windows an event is late more than once
    assert rows(by_spark) == rows(by_task)


def test_both_ways_tell_the_same(reconciled: Reconciled) -> None:
    assert reconciled.by_spark == reconciled.by_task


def test_what_spark_has_corrected_holds(reconciled: Reconciled) -> None:
    report = verify_stream(reconciled.spark_home, reconciled.run.kafka, reconciled.run.spec.name)
    assert report.holds, report.as_dict()


def test_a_second_run_finds_nothing_to_read(reconciled: Reconciled, spark: SparkSession) -> None:
    books = open_books(reconciled.spark_home, reconciled.run.kafka, reconciled.run.spec.name)
    again = reconcile_books(books, compute=SparkReader(spark, reconciled.run.kafka))
    assert (again.records_read, again.corrections, again.rows_published) == (0, 0, 0)


def test_a_read_takes_the_records_that_the_core_takes(reconciled: Reconciled, spark: SparkSession) -> None:
    run = reconciled.run
    frame = read_round(spark, run.kafka, run.spec, {0: (2, 5), 2: (0, 1)})
    source = run.spec.source
    (expected,) = read_ranges(run.kafka, source.topic, {0: [(2, 5)], 2: [(0, 1)]}, isolation=source.isolation)
    assert rows(frame.toArrow()) == rows(expected)


def test_offsets_that_are_gone_are_named_before_spark_is_asked(reconciled: Reconciled, spark: SparkSession) -> None:
    run = reconciled.run
    books = open_books(run.home, run.kafka, run.spec.name)
    beyond = replace(reconciled.plan, spans=(replace(reconciled.plan.spans[0], start=10_000, end=10_005),))
    with pytest.raises(OffsetsGone, match="10000 to 10004"):
        SparkReader(spark, run.kafka)(books, beyond, LateRecord(None, books.eras, beyond.spans))


def test_a_time_without_a_zone_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--stream", "s", "--home", str(tmp_path), "--until", "2026-01-01T00:00"])
    assert "has no zone" in capsys.readouterr().err
