"""What holds for every DAG file, read from the files themselves and from Airflow's own parsing of them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from copy import copy
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from tideline.bench.fleet import PARSE_S, parse_dags
from tideline.bench.fleet_world import Fleet
from tideline.clock import now_ms
from tideline.home import CHECKOUT, Home
from tideline.keeper.question import Answer
from tideline.spec.load import spec_names
from tideline.spec.model import RECONCILE_SCHEDULE_MS
from tideline_airflow.policy import OWNER
from tideline_airflow.tags import Tag
from tideline_airflow.tasks import YIELDS_FOR

FILES = sorted((CHECKOUT / "dags").glob("*.py"))
SIDES = [file for folder in ("dags", "plugins") for file in (CHECKOUT / folder).rglob("*.py")]
HEAVY = {"pyspark", "great_expectations", "kafka", "duckdb", "deltalake", "tideline_spark"}
PARSE_SECONDS = 1.0
# Airflow itself is loaded first, as it is where DAG files are parsed: what is measured is the file's own cost.
MEASURE = """
import json, runpy, sys, time
import airflow.sdk, airflow.triggers.base, airflow.dag_processing.dagbag
before, began = set(sys.modules), time.perf_counter()
runpy.run_path(sys.argv[1])
seconds = time.perf_counter() - began
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps({"seconds": seconds, "loaded": sorted(loaded)}))
"""

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@cache
def dags() -> dict[str, DAG]:
    bag = DagBag(CHECKOUT / "dags")
    assert bag.import_errors == {}
    return dict(bag.dags)


def dag_of(file: Path) -> DAG:
    return dags()[file.stem]


def test_there_are_dags() -> None:
    assert {"deploy_stream", "keep_streams", "reconcile_late_data", "stop_stream"} <= set(dags())


@each_file
def test_a_file_holds_one_dag_of_its_own_name(file: Path) -> None:
    assert [dag_id for dag_id, dag in dags().items() if Path(dag.fileloc) == file] == [file.stem]


@each_file
def test_a_dag_says_what_it_is_for_and_what_to_do_when_it_fails(file: Path) -> None:
    said = dag_of(file).doc_md or ""
    assert len(said.splitlines()[0]) > 40
    assert "**When it fails:**" in said


@each_file
def test_tags_come_from_the_list(file: Path) -> None:
    tags = dag_of(file).tags
    assert tags
    assert tags <= set(Tag)


@each_file
def test_every_task_has_the_owner(file: Path) -> None:
    assert {task.owner for task in dag_of(file).tasks} == {OWNER}


@each_file
def test_every_param_explains_itself(file: Path) -> None:
    params = dag_of(file).params
    for param in [params.get_param(name) for name in params]:
        assert param.description or param.schema.get("description_md")
        assert {"type", "title"} <= set(param.schema)


@each_file
def test_history_is_not_caught_up_on(file: Path) -> None:
    assert dag_of(file).catchup is False


def test_a_deploy_suggests_the_specs_and_takes_one_that_was_written_since_the_file_was_read() -> None:
    param = copy(dags()["deploy_stream"].params.get_param("stream"))
    assert param.schema["examples"] == spec_names()
    assert param.resolve("written-just-now") == "written-just-now"


@pytest.mark.parametrize(
    "text", ["", "/etc/passwd", "include/streams/log-metrics.yaml", "../log-metrics", "Log Metrics"]
)
def test_a_deploy_takes_no_path(text: str) -> None:
    param = copy(dags()["deploy_stream"].params.get_param("stream"))
    with pytest.raises(ParamValidationError, match="does not match"):
        param.resolve(text)


def test_late_data_is_looked_for_as_often_as_specs_are_told() -> None:
    timetable: Any = dags()["reconcile_late_data"].timetable
    assert timetable.timetable.expression == f"*/{RECONCILE_SCHEDULE_MS // 60_000} * * * *"


@pytest.mark.parametrize("task_id", ["keep", "tell"])
def test_a_task_that_runs_once_at_a_time_cannot_hold_up_the_next_for_ever(task_id: str) -> None:
    task = dags()["keep_streams"].get_task(task_id)
    assert task.max_active_tis_per_dag == 1
    assert task.execution_timeout is not None
    assert task.execution_timeout <= timedelta(minutes=10)


def test_a_stream_that_cannot_be_looked_after_keeps_nobody_from_being_told_or_asked_and_fails_the_run() -> None:
    dag = dags()["keep_streams"]
    for task_id in ("tell", "questions"):
        task = dag.get_task(task_id)
        assert (task.upstream_task_ids, task.trigger_rule) == ({"keep"}, "all_done")
    assert dag.get_task("ask_a_person").upstream_task_ids == {"questions"}
    end = dag.get_task("kept")
    assert end in dag.leaves
    assert (end.upstream_task_ids, end.trigger_rule) == ({"keep"}, "all_success")


@pytest.mark.parametrize("dag_id", ["answer_trouble", "release_corrections"])
def test_no_question_is_lost_in_ten_minutes_without_a_registry(dag_id: str) -> None:
    task = dags()[dag_id].get_task("question")
    delay, factor = task.retry_delay.total_seconds(), task.retry_exponential_backoff
    assert sum(delay * factor**retry for retry in range(task.retries or 0)) > 600


def test_the_answers_that_can_be_chosen_are_those_that_are_acted_on() -> None:
    task: Any = dags()["answer_trouble"].get_task("answer")
    assert task.options == list(Answer)


def test_a_reconciliation_that_waits_for_a_stream_holds_no_slot_and_gives_up_before_the_next_one() -> None:
    task: Any = dags()["reconcile_late_data"].get_task("streams")
    assert (task.mode, task.pool) == ("reschedule", "default_pool")
    assert YIELDS_FOR + timedelta(seconds=task.poke_interval) < timedelta(milliseconds=RECONCILE_SCHEDULE_MS)


def test_a_failed_reconciliation_fails_its_run() -> None:
    dag = dags()["reconcile_late_data"]
    end = dag.get_task("corrected")
    assert end in dag.leaves
    assert end.trigger_rule == "none_failed"
    assert end.upstream_task_ids == {"reconcile", "reconcile_by_spark"}


@each_file
def test_a_dag_file_is_short(file: Path) -> None:
    assert 20 <= len(file.read_text().splitlines()) <= 90


@each_file
def test_a_dag_file_parses_in_under_a_second(file: Path) -> None:
    assert once_measured(file)[0] < PARSE_SECONDS or any(measured(file)[0] < PARSE_SECONDS for _ in range(2))


def test_all_dag_files_together_parse_in_time_for_a_hundred_streams(tmp_path: Path) -> None:
    times = (parse_dags(home, Fleet.of(home, 100, now_ms)) for home in (Home(tmp_path / name) for name in "abc"))
    assert any(seconds < PARSE_S for seconds in times)


@each_file
def test_parsing_loads_nothing_heavy(file: Path) -> None:
    assert not once_measured(file)[1] & {*HEAVY, "pyarrow", "pandas", "sqlalchemy"}


@pytest.mark.parametrize("file", SIDES, ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_heavy_packages_are_never_imported_at_module_level(file: Path) -> None:
    assert not set(module_level_imports(file)) & HEAVY


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import kafka.admin", ["kafka"]),
        ("from duckdb import connect", ["duckdb"]),
        ("if True:\n    import pyspark", ["pyspark"]),
        ("def f() -> None:\n    import pyspark", []),
    ],
)
def test_module_level_imports_are_found(tmp_path: Path, text: str, found: list[str]) -> None:
    file = tmp_path / "module.py"
    file.write_text(text)
    assert module_level_imports(file) == found


def measured(file: Path) -> tuple[float, set[str]]:
    """Seconds to run a DAG file, and the packages that it loads."""
    command = [sys.executable, "-c", MEASURE, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout.splitlines()[-1])
    return float(found["seconds"]), set(found["loaded"])


once_measured = cache(measured)


def module_level_imports(file: Path) -> list[str]:
    """The packages a file imports outside of functions."""
    found: list[str] = []
    left: list[ast.AST] = [ast.parse(file.read_text())]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            found += [name.name.partition(".")[0] for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "").partition(".")[0])
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            left += ast.iter_child_nodes(node)
    return found
