"""Specs of jobs: what is right loads, what is wrong is told with its place, and what needs metrics refuses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import CHECKOUT
from tideline.spec.job import JobSpec, entrypoints
from tideline.spec.load import SpecError, load_any_spec, load_spec
from tideline.spec.neighbours import usurpers
from tideline.spec.own_settings import OF_METRICS

GOOD = """\
name: words
entrypoint: jobs/basics/word_count.py
arguments: {host: 127.0.0.1, port: 9999}
trigger: 5 seconds
spark:
  memory: 2g
  configuration: {spark.sql.streaming.metricsEnabled: "true"}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "words.yaml"
    file.write_text(text)
    return file


def test_a_right_spec_loads(tmp_path: Path) -> None:
    spec = load_any_spec(written(tmp_path, GOOD))
    assert isinstance(spec, JobSpec)
    assert (spec.entrypoint, spec.arguments, spec.topic) == (
        "jobs/basics/word_count.py",
        {"host": "127.0.0.1", "port": 9999},
        None,
    )
    assert spec.spark.configuration == {"spark.sql.streaming.metricsEnabled": "true"}


@pytest.mark.parametrize(
    ("right", "wrong", "message", "hint"),
    [
        ("word_count.py", "word_cuont.py", "there is no file jobs/basics/word_cuont.py", "jobs/basics/word_count.py"),
        ("word_count.py", "word_count.sh", "'jobs/basics/word_count.sh' is no Python file", "such as jobs/"),
        ("trigger: 5 seconds", "triger: 5 seconds", "unknown key 'triger'", "'trigger'"),
        ("trigger: 5 seconds", "metrics: {}", "unknown key 'metrics'", ""),
        ("port: 9999", "port: [1]", "an argument is a text, a number, true or false", "write it as one"),
        ("memory: 2g", "memory: much", "'much' is no amount of memory", "such as 4g or 512m"),
        ("spark.sql.streaming.metricsEnabled", "spark.master", "spark.master is set by Tideline", "write `cores:`"),
        ("spark.sql.streaming.metricsEnabled", "spark.ui.port", "spark.ui.port is set by Tideline", "leave it out"),
        ("spark.sql.streaming.metricsEnabled", "metricsEnabled", "'metricsEnabled' is no setting of Spark", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, right: str, wrong: str, message: str, hint: str) -> None:
    assert right in GOOD
    with pytest.raises(SpecError) as caught:
        load_any_spec(written(tmp_path, GOOD.replace(right, wrong, 1)))
    problem = caught.value.problems[0]
    assert message in problem.message
    assert hint in problem.hint
    assert wrong.split(":")[0] in GOOD.replace(right, wrong, 1).splitlines()[problem.line - 1]


@pytest.mark.parametrize("name", sorted(OF_METRICS))
def test_what_only_a_query_of_metrics_stands_on_is_a_jobs_own(tmp_path: Path, name: str) -> None:
    spec = load_any_spec(written(tmp_path, GOOD.replace("spark.sql.streaming.metricsEnabled", name)))
    assert spec.spark.configuration == {name: "true"}


def test_a_jar_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_any_spec(written(tmp_path, f"{GOOD}  jars: [lib/gone.jar]\n"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.message) == (8, "there is no file lib/gone.jar")
    assert problem.hint == "write its path from the project's root"


@pytest.mark.parametrize("neighbour", ["platform.py", "yaml.py", "pyarrow/__init__.py", "tideline/__init__.py"])
def test_a_neighbour_that_takes_the_place_of_another_module_is_refused(tmp_path: Path, neighbour: str) -> None:
    job, other = tmp_path / "jobs" / "word_count.py", tmp_path / "jobs" / neighbour
    other.parent.mkdir(parents=True)
    for file in (job, other, job.with_name("helpers.py")):
        file.touch()
    with pytest.raises(SpecError) as caught:
        load_any_spec(written(tmp_path, GOOD.replace("jobs/basics/word_count.py", str(job))))
    (problem,) = caught.value.problems
    name = neighbour.removesuffix("/__init__.py")
    assert problem.message.startswith(f"{name} lies where the job is looked for first")
    assert (problem.line, str(tmp_path / "jobs" / name) in problem.hint) == (2, True)


@pytest.mark.parametrize("place", ["stdlib.py", "yaml/words.txt", "below/platform.py"])
def test_a_neighbour_with_a_name_of_its_own_is_nobodys_business(tmp_path: Path, place: str) -> None:
    job, other = tmp_path / "word_count.py", tmp_path / place
    other.parent.mkdir(exist_ok=True)
    for file in (job, other):
        file.touch()
    assert usurpers(job) == []


def test_all_the_projects_jobs_have_good_neighbours() -> None:
    assert not [name for name in entrypoints() if usurpers(CHECKOUT / name)]


def test_what_needs_metrics_refuses_a_job(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stream 'words' runs jobs/basics/word_count\.py: it has no metrics"):
        load_spec(written(tmp_path, GOOD))


def test_another_file_begins_anew_and_other_arguments_do_not(tmp_path: Path) -> None:
    spec = load_any_spec(written(tmp_path, GOOD))
    other = load_any_spec(written(tmp_path, GOOD.replace("9999", "9998")))
    third = load_any_spec(written(tmp_path, GOOD.replace("word_count", "running_count")))
    assert spec.fingerprint() == other.fingerprint() != third.fingerprint()


def test_entrypoints_are_the_jobs_that_can_be_run() -> None:
    assert "jobs/examples/server_errors.py" in entrypoints()
    assert all((CHECKOUT / name).is_file() and "tideline_spark" not in name for name in entrypoints())
