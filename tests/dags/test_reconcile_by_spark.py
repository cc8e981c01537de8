"""Large reconciliations: which streams are, what the operator runs, and that it reconciles."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.definitions.mappedoperator import MappedOperator
from pyspark.sql import SparkSession

from support.platform import Platform
from support.records import log_line, small_spec
from support.stream_run import StreamRun
from tideline.bench.player import Player
from tideline.home import CHECKOUT, Home
from tideline.spec.model import LateData, StreamSpec
from tideline_airflow.reconcile_submit import SparkReconcile, reconcile_application
from tideline_airflow.spark_submit import hook_of
from tideline_airflow.tasks import is_large, reconcile_arguments

UNTIL = datetime(2026, 1, 1, 12, 10, tzinfo=UTC)


def spec_with(spark_above: int) -> StreamSpec:
    return small_spec().model_copy(update={"late_data": LateData(spark_above=spark_above)})


def deploy(home: Home, spec: StreamSpec) -> None:
    home.stream(spec.name).root.mkdir(parents=True)
    home.stream(spec.name).spec.write_text(spec.model_dump_json(exclude_none=True))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TIDELINE_HOME", str(tmp_path))
    home = Home(tmp_path)
    home.jars("spark").mkdir(parents=True)
    (home.jars("spark") / "connector.jar").touch()
    return home


@pytest.mark.parametrize(("spark_above", "large"), [(3, False), (2, True)])
def test_a_stream_is_large_when_more_records_are_to_be_read_than_its_spec_says(
    home: Home, spark_above: int, large: bool
) -> None:
    spec = spec_with(spark_above)
    deploy(home, spec)
    player = Player(home.tables(spec.name), spec)
    player.play(log_line(5), log_line(100))
    player.play(log_line(6))
    player.play(log_line(7), log_line(8))
    player.play(log_line(9))
    assert is_large(spec.name, datetime.fromtimestamp(4, UTC)) is large
    assert is_large(spec.name, datetime.fromtimestamp(1, UTC)) is False


def test_a_stream_without_a_plan_keeps_no_other_from_its_turn(home: Home) -> None:
    assert is_large("never-deployed", None) is False


def test_the_job_is_told_what_the_task_would_do(home: Home) -> None:
    arguments = reconcile_arguments("small", UNTIL, "run-1")
    assert dict(zip(arguments[::2], arguments[1::2], strict=True)) == {
        "--stream": "small",
        "--home": str(home.root),
        "--until": "2026-01-01T12:10:00+00:00",
        "--run": "run-1",
    }


def test_the_job_leaves_the_drivers_files_alone(home: Home) -> None:
    deploy(home, spec_with(0))
    application = reconcile_application(home, "small", [], home.root / "own")
    assert (application.master, application.driver_memory) == ("local[2]", "1g")
    assert str(home.root / "own") in application.conf["spark.driver.extraJavaOptions"]


def test_the_job_gets_its_environment_and_nothing_of_the_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(Home(tmp_path), spec_with(0))
    (tmp_path / "jars" / "spark").mkdir(parents=True)
    (tmp_path / "jars" / "spark" / "a.jar").touch()
    printer = tmp_path / "print-environment"
    printer.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n")
    printer.chmod(0o755)
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "secret")
    application = reconcile_application(Home(tmp_path), "small", [], tmp_path)
    hook_of(application, printer, {"GIVEN": "yes"}).submit("job.py")
    seen = (tmp_path / "seen").read_text()
    assert "GIVEN=yes" in seen
    assert "secret" not in seen


def reconcile_dag() -> DAG:
    return dict(DagBag(CHECKOUT / "dags" / "reconcile_late_data.py").dags)["reconcile_late_data"]


def test_large_streams_are_mapped_over_the_jobs_arguments() -> None:
    mapped = cast(MappedOperator, reconcile_dag().get_task("reconcile_by_spark"))
    assert mapped.operator_class is SparkReconcile
    assert mapped.upstream_task_ids == {"large"}
    assert mapped.partial_kwargs["max_active_tis_per_dag"] == 1


def test_a_mapped_task_is_named_after_its_stream() -> None:
    operator = SparkReconcile(task_id="t", application_args=["--home", "h", "--stream", "small"])
    assert operator.stream == "small"


def test_the_operator_reconciles(spark: SparkSession, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELINE_HOME", str(platform.home.root))
    spec = spec_with(0).model_copy(update={"name": "by-spark"})
    run = StreamRun(spark, platform.settings.kafka, platform.home, spec)
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(100))
        run.feed(query, log_line(6), log_line(7, "b"))
    assert is_large(spec.name, None)
    context: Any = {}
    SparkReconcile(task_id="t", application_args=reconcile_arguments(spec.name, None, "run-1")).execute(context)
    report = run.verify()
    assert report.holds, report.as_dict()
    assert report.books.corrected == 2
    assert not list(platform.home.stream(spec.name).root.glob("reconcile-*"))
