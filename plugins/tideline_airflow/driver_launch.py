"""The launch of a stream's driver on this machine: its command line and its environment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from tideline.errors import UserError
from tideline.home import CHECKOUT, Home
from tideline.keeper.launch import Launch
from tideline.platform.environment import environment
from tideline.platform.java import find_java
from tideline.settings import HOST
from tideline.spec.model import StreamSpec
from tideline_airflow.spark_submit import Application, submit_command

SPARK_SUBMIT: Final = Path(sys.executable).parent / "spark-submit"


class DriverLaunch:
    """Builds launches for one home and broker."""

    def __init__(self, home: Home, bootstrap: str) -> None:
        self._home = home
        self._bootstrap = bootstrap

    def __call__(self, spec: StreamSpec, epoch: int, generation: int, tag: str) -> Launch:
        arguments = {
            "--stream": spec.name,
            "--home": str(self._home.root),
            "--epoch": str(epoch),
            "--generation": str(generation),
            "--tag": tag,
            "--bootstrap": self._bootstrap,
        }
        application = Application(
            file=CHECKOUT / "jobs" / "run_stream.py",
            name=tag,
            master=f"local[{spec.spark.cores}]",
            driver_memory=spec.spark.memory,
            arguments=[part for pair in arguments.items() for part in pair],
            conf=driver_conf(spec, self._home.stream(spec.name).scratch),
            jars=spark_jars(self._home),
        )
        return Launch(submit_command(application, SPARK_SUBMIT), self._environment(spec.name))

    def _environment(self, stream: str) -> dict[str, str]:
        scratch = self._home.stream(stream).scratch
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
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
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_DIRS": str(scratch),
        "TMPDIR": str(scratch),
    }
    return environment(home, find_java(home)) | own


def driver_conf(spec: StreamSpec, scratch: Path) -> dict[str, str]:
    """Everything binds the loopback interface; the UI takes any free port and tells it in the heartbeat."""
    return {
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(spec.spark.shuffle_partitions),
        "spark.ui.enabled": "true",
        "spark.ui.port": "0",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f'"-Djava.io.tmpdir={scratch}"',  # quoted for Spark: a path may hold blanks
    }
