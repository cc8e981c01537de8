"""The launch of a stream's driver on this machine: its command line and its environment."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tideline.errors import UserError
from tideline.home import CHECKOUT, Home
from tideline.kafka_access import KafkaAccess
from tideline.keeper.launch import Launch
from tideline.logs.context import About
from tideline.logs.jvm import log4j_config, log4j_option
from tideline.platform.class_archive import archive_options
from tideline.platform.environment import environment, without_passwords
from tideline.platform.java import BRIEF, OPTIONS_OF_ALL, PARALLEL_GC, find_java
from tideline.platform.session_environment import WORKER_CONF
from tideline.settings import HOST
from tideline.spec.job import JobSpec, Spec
from tideline.spec.neighbours import require_entrypoint
from tideline.spec.spark_files import spark_files
from tideline_airflow.spark_submit import Application, submit_command

JAVA_OPTIONS: Final = "spark.driver.extraJavaOptions"
_COLLECTOR: Final = re.compile(
    r"(?<!\S)(?P<quote>[\"']?)-XX:\+Use(Serial|Parallel|G1|Z|Shenandoah|Epsilon)GC(?P=quote)(?:\s+|$)"
)
RUN_STREAM: Final = CHECKOUT / "jobs" / "run_stream.py"
SPARK_SUBMIT: Final = Path(sys.executable).parent / "spark-submit"
SPARK_HOME: Final = next(map(Path, getattr(find_spec("pyspark"), "submodule_search_locations", ())))


class DriverLaunch:
    """Builds launches for one home and broker, and leaves a driver what it must know of that in a private file."""

    def __init__(self, home: Home, kafka: KafkaAccess) -> None:
        self._home = home
        self._kafka = kafka

    def __call__(self, spec: Spec, epoch: int, generation: int, tag: str) -> Launch:
        arguments = {
            "--stream": spec.name,
            "--home": str(self._home.root),
            "--epoch": str(epoch),
            "--generation": str(generation),
            "--tag": tag,
        }
        application = Application(
            file=require_entrypoint(spec) if isinstance(spec, JobSpec) else RUN_STREAM,
            name=f"tideline-{spec.name}",
            master=f"local[{spec.spark.cores}]",
            driver_memory=spec.spark.memory,
            arguments=[part for pair in arguments.items() for part in pair],
            conf=driver_conf(spec, self._home, self._home.stream(spec.name).scratch),
            jars=[*spark_jars(self._home), *spark_files(spec, "jars")],
            py_files=spark_files(spec, "py_files"),
        )
        self._kafka.save(self._home.stream(spec.name).kafka)
        about = About(spec.name, generation, epoch)
        return Launch(submit_command(application, SPARK_SUBMIT), self._environment(about))

    def _environment(self, about: About) -> dict[str, str]:
        scratch = self._home.stream(str(about.stream)).scratch
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        write_log_config(scratch, about)
        return spark_environment(self._home, scratch)


def spark_jars(home: Home) -> list[Path]:
    """The jars on every driver's class path."""
    folder = home.jars("spark")
    jars = sorted(folder.glob("*.jar"))
    if not jars:
        raise UserError(f"no jars in {folder}: Spark cannot read Kafka without them", "run `tideline up`")
    return jars


def spark_environment(home: Home, scratch: Path) -> dict[str, str]:
    """What a driver on this machine finds: this Python, a Java, the loopback interface, and a folder for its files."""
    own = {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_HOME": str(SPARK_HOME),  # else a Python is started to find it
        "SPARK_LAUNCHER_OPTS": BRIEF,
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_DIRS": str(scratch),
        "TMPDIR": str(scratch),
    }
    return without_passwords(environment(home, find_java(home))) | own


def write_log_config(scratch: Path, about: About) -> None:
    """Makes the file that `java_options` names: what the JVM of this driver logs says whose it is."""
    _log_config(scratch).write_text(log4j_config(about))


def _log_config(scratch: Path) -> Path:
    return scratch / "log4j2.properties"


def driver_conf(spec: Spec, home: Home, scratch: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Everything binds the loopback interface; the UI takes any free port and tells it in the heartbeat. No spec may
    give what is ours, see `tideline.spec.own_settings`, but Java options, which are added to ours."""
    ours = {
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(spec.spark.shuffle_partitions),
        "spark.ui.enabled": "true",
        "spark.ui.port": "0",
        "spark.ui.killEnabled": "false",  # whoever sees it could fail a batch by it, and any page by an image's address
        "spark.ui.showConsoleProgress": "false",
        JAVA_OPTIONS: java_options(spec, scratch, f"{archive_options(home)} {environ.get(OPTIONS_OF_ALL, '')}"),
    }
    workers = {} if isinstance(spec, JobSpec) else WORKER_CONF  # a job may have a Python and imports of its own
    return workers | spec.spark.configuration | ours


def java_options(spec: Spec, scratch: Path, of_all: str = "") -> str:
    """Ours, those of all drivers, and those of the spec: the JVM takes the last, and starts with one collector only. A
    batch's garbage is short-lived: by the parallel collector a driver of metrics takes 25 % less of two cores than by
    G1; a collector that is named goes before it."""
    named = f"{of_all} {spec.spark.configuration.get(JAVA_OPTIONS, '')}".strip()
    collectors = list(_COLLECTOR.finditer(named))
    for each in reversed(collectors[:-1]):
        named = named[: each.start()] + named[each.end() :]
    tmpdir = f'"-Djava.io.tmpdir={scratch}"'  # quoted for Spark: a path may hold blanks
    parts = ("" if collectors else PARALLEL_GC, tmpdir, log4j_option(_log_config(scratch)), named)
    return " ".join(part for part in parts if part)
