"""One platform and one Spark session for all tests that need them; the rest starts neither."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from support.platform import Platform, running_platform
from support.real_logs import SHARED

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# How long an example takes is the machine's business, not the test's.
settings.register_profile("patient", parent=settings(), deadline=None)
settings.load_profile("patient")


def pytest_report_header() -> str:
    """Says what the story will be told with."""
    return f"real logs: {SHARED}" if SHARED.exists() else "real logs: none in ../shared/data, seeded traffic instead"


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Database and broker are up; `platform.start()` adds Airflow."""
    with running_platform(tmp_path_factory.mktemp("platform"), ("database", "broker")) as running:
        yield running


@pytest.fixture(scope="session")
def spark(platform: Platform) -> Iterator[SparkSession]:
    """A session in this process, with the jars every driver has."""
    from pyspark.sql import SparkSession

    from tideline.platform.class_archive import archive_options
    from tideline.platform.java import BRIEF, find_java

    os.environ["JAVA_HOME"] = str(find_java(platform.home).path)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", ",".join(str(jar) for jar in sorted(platform.home.jars("spark").glob("*.jar"))))
        .config("spark.driver.extraJavaOptions", f"{archive_options(platform.home)} {BRIEF}")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()  # its threads would hold the last sinks until the interpreter ends
