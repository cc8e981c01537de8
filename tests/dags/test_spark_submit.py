"""The provider's private command builder, pinned: when it changes, this fails and not a deploy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import CHECKOUT, Home
from tideline.kafka_access import KafkaAccess
from tideline.logs.context import About
from tideline.logs.jvm import log4j_config, log4j_option
from tideline.platform.class_archive import archive_file
from tideline.platform.session_environment import WORKER_CONF
from tideline.spec.job import Spec
from tideline.spec.load import load_spec, validated
from tideline.spec.model import StreamSpec
from tideline.spec.own_settings import is_refused
from tideline_airflow.driver_launch import JAVA_OPTIONS, DriverLaunch, driver_conf, java_options
from tideline_airflow.spark_submit import Application, submit_command

APPLICATION = Application(
    file=Path("/jobs/run.py"),
    name="s-e1",
    master="local[2]",
    driver_memory="1g",
    arguments=["--stream", "s"],
    conf={"spark.ui.port": "0"},
    jars=[Path("/jars/a.jar"), Path("/jars/b.jar")],
)


@pytest.fixture
def spec() -> StreamSpec:
    return load_spec(CHECKOUT / "include" / "streams" / "log-metrics.yaml")


def test_the_command_is_what_the_provider_builds() -> None:
    assert submit_command(APPLICATION, Path("/bin/spark-submit")) == [
        *("/bin/spark-submit", "--master", "local[2]"),
        *("--conf", "spark.ui.port=0"),
        *("--jars", "/jars/a.jar,/jars/b.jar"),
        *("--driver-memory", "1g"),
        *("--name", "s-e1"),
        *("/jobs/run.py", "--stream", "s"),
    ]


KAFKA = KafkaAccess("127.0.0.1:9", "SASL_PLAINTEXT", "PLAIN", "u", "hunter2")


def launch(root: Path, spec: Spec) -> tuple[list[str], dict[str, str]]:
    jars = Home(root).jars("spark")
    jars.mkdir(parents=True, exist_ok=True)
    (jars / "connector.jar").touch()
    found = DriverLaunch(Home(root), KAFKA)(spec, epoch=3, generation=2, tag="log-metrics-e3")
    return list(found.command), dict(found.environment)


def test_a_driver_is_told_who_it_is(tmp_path: Path, spec: StreamSpec) -> None:
    command, _ = launch(tmp_path, spec)
    job = command.index(str(CHECKOUT / "jobs" / "run_stream.py"))
    assert command[job + 1 :] == [
        *("--stream", "log-metrics"),
        *("--home", str(tmp_path)),
        *("--epoch", "3"),
        *("--generation", "2"),
        *("--tag", "log-metrics-e3"),
    ]


def test_a_driver_finds_how_kafka_is_reached_in_a_private_file(tmp_path: Path, spec: StreamSpec) -> None:
    told = launch(tmp_path, spec)
    file = Home(tmp_path).stream("log-metrics").kafka
    assert (KafkaAccess.read(file), file.stat().st_mode & 0o777) == (KAFKA, 0o600)
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    "setting",
    [
        "spark.driver.host=127.0.0.1",
        "spark.driver.bindAddress=127.0.0.1",
        "spark.sql.session.timeZone=UTC",
        "spark.sql.shuffle.partitions=2",
        "spark.ui.showConsoleProgress=false",
    ],
)
def test_a_drivers_settings(tmp_path: Path, spec: StreamSpec, setting: str) -> None:
    assert setting in launch(tmp_path, spec)[0]


def test_a_drivers_environment(tmp_path: Path, spec: StreamSpec) -> None:
    _, environment = launch(tmp_path, spec)
    assert environment["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert environment["TIDELINE_HOME"] == str(tmp_path)
    assert Path(environment["PYSPARK_PYTHON"]).exists()
    assert (Path(environment["JAVA_HOME"]) / "bin" / "java").exists()


def test_what_a_drivers_jvm_logs_says_whose_it_is(tmp_path: Path, spec: StreamSpec) -> None:
    command, _ = launch(tmp_path, spec)
    (options,) = (word for word in command if word.startswith(JAVA_OPTIONS))
    config = Home(tmp_path).stream(spec.name).scratch / "log4j2.properties"
    assert log4j_option(config) in options
    assert config.read_text() == log4j_config(About("log-metrics", generation=2, epoch=3))


@pytest.mark.parametrize(("archive", "is_used"), [("classes", True), ("", False)], ids=["made", "Java makes none"])
def test_a_drivers_jvm_takes_its_classes_from_the_archive(
    tmp_path: Path, spec: StreamSpec, archive: str, is_used: bool
) -> None:
    file = archive_file(Home(tmp_path))
    file.parent.mkdir(parents=True)
    file.write_text(archive)
    command, _ = launch(tmp_path, spec)
    (options,) = (word for word in command if word.startswith(JAVA_OPTIONS))
    assert (f'"-XX:SharedArchiveFile={file}"' in options) is is_used


def test_the_options_of_all_drivers_are_a_drivers(tmp_path: Path, spec: StreamSpec) -> None:
    conf = driver_conf(spec, Home(tmp_path), tmp_path, {"TIDELINE_JAVA_OPTIONS": "-Da=1"})
    assert conf[JAVA_OPTIONS].endswith(" -Da=1")


def test_workers_are_forked_from_a_process_of_ours_unless_the_code_is_a_persons(
    tmp_path: Path, spec: StreamSpec
) -> None:
    assert WORKER_CONF.items() <= driver_conf(spec, Home(tmp_path), tmp_path).items()
    assert not WORKER_CONF.keys() & driver_conf(validated(JOB), Home(tmp_path), tmp_path).keys()


def test_without_jars_the_fix_is_told(tmp_path: Path, spec: StreamSpec) -> None:
    with pytest.raises(UserError, match="no jars"):
        DriverLaunch(Home(tmp_path), KAFKA)(spec, epoch=1, generation=1, tag="t")


JOB = {
    "name": "words",
    "entrypoint": "jobs/basics/word_count.py",
    "spark": {
        "memory": "2g",
        "configuration": {"spark.sql.ansi.enabled": "false"},
        "py_files": ["jobs/run_stream.py"],
    },
}


def job(**spark: object) -> Spec:
    return validated(JOB | {"spark": JOB["spark"] | spark})  # type: ignore[operator]


def test_a_job_is_submitted_with_its_own_file_and_settings(tmp_path: Path) -> None:
    command, _ = launch(tmp_path, job())
    entry = command.index(str(CHECKOUT / "jobs" / "basics" / "word_count.py"))
    assert command[entry + 1 : entry + 3] == ["--stream", "words"]
    assert command[command.index("--py-files") + 1] == str(CHECKOUT / "jobs" / "run_stream.py")
    assert {"spark.sql.ansi.enabled=false", "spark.ui.enabled=true"} <= set(command)


def test_what_a_launch_sets_no_spec_may_give(tmp_path: Path) -> None:
    """But Java options, which are added to ours."""
    given = driver_conf(job(configuration={}), Home(tmp_path), tmp_path).keys() - {JAVA_OPTIONS}
    assert [name for name in given if not is_refused(name, of_metrics=False)] == []


def test_what_a_launch_names_by_words_of_their_own_no_spec_may_give() -> None:
    """`--master`, `--driver-memory`, `--name`, `--jars` and `--py-files`, as spark-submit calls them."""
    named = ["spark.master", "spark.driver.memory", "spark.app.name", "spark.jars", "spark.submit.pyFiles"]
    assert [name for name in named if not is_refused(name, of_metrics=False)] == []


OURS = f'"-Djava.io.tmpdir=/s" {log4j_option(Path("/s/log4j2.properties"))}'


@pytest.mark.parametrize(
    ("of_all", "own", "options"),
    [
        ("", "", f"-XX:+UseParallelGC {OURS}"),
        ("", "-Xss4m", f"-XX:+UseParallelGC {OURS} -Xss4m"),
        ("", "-Xss4m -XX:+UseG1GC", f"{OURS} -Xss4m -XX:+UseG1GC"),
        ("", '"-XX:+UseG1GC" -Xss4m', f'{OURS} "-XX:+UseG1GC" -Xss4m'),
        (
            "",
            "-XX:+UnlockExperimentalVMOptions -XX:+UseEpsilonGC",
            f"{OURS} -XX:+UnlockExperimentalVMOptions -XX:+UseEpsilonGC",
        ),
        (
            "",
            "-XX:+UseAdaptiveSizePolicyWithSystemGC",
            f"-XX:+UseParallelGC {OURS} -XX:+UseAdaptiveSizePolicyWithSystemGC",
        ),
        ("-Da=1 -Xss2m", "-Xss4m", f"-XX:+UseParallelGC {OURS} -Da=1 -Xss2m -Xss4m"),
        ("-XX:+UseZGC", "", f"{OURS} -XX:+UseZGC"),
        ("'-XX:+UseZGC' -Da=1", "-XX:+UseG1GC", f"{OURS} -Da=1 -XX:+UseG1GC"),
    ],
)
def test_a_spec_adds_java_options_and_one_collector_is_left(of_all: str, own: str, options: str) -> None:
    configuration = {JAVA_OPTIONS: own} if own else {}
    assert java_options(job(configuration=configuration), Path("/s"), of_all) == options


@pytest.mark.parametrize("wrong", [{"entrypoint": "jobs/gone.py"}, {"spark": {"jars": ["gone.jar"]}}])
def test_a_file_that_is_gone_since_the_check_is_told(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"gone\.(py|jar)"):
        launch(tmp_path, validated(JOB | wrong))
