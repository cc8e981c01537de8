"""The environment of a Python process that makes a Spark session of its own, as a driver has one."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from typing import Final

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.class_archive import archive_options
from tideline.platform.environment import environment
from tideline.platform.java import find_java
from tideline.settings import HOST

WORKER_CONF: Final = {"spark.python.daemon.module": "tideline_spark.worker_daemon"}
"""The configuration of a session whose Python workers cost no imports."""


def session_environment(home: Home, java_options: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """As a driver's own: the platform's choice of variables, the jars of the home, loopback only; UserError when there
    are no jars."""
    jars = sorted(home.jars("spark").glob("*.jar"))
    if not jars:
        raise UserError(f"there are no jars for Spark in {home.jars('spark')}", "run `make setup`")
    settings = {
        "spark.jars": ",".join(map(str, jars)),
        "spark.driver.bindAddress": HOST,
        "spark.driver.host": HOST,
        "spark.driver.memory": "1g",
        **WORKER_CONF,
        "spark.driver.extraJavaOptions": f"{archive_options(home)} {java_options}".strip(),
        "spark.local.dir": str(home.root / "scratch"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    words = ["--master", "local[2]", *(word for pair in settings.items() for word in ("--conf", "=".join(pair)))]
    path = os.pathsep.join(part for part in sys.path if part)
    return environment(home, find_java(home), environ) | {
        "PYSPARK_SUBMIT_ARGS": shlex.join([*words, "pyspark-shell"]),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": path,
    }
