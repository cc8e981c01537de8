"""The JVM of a driver takes its classes from the archive."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from support.platform import Platform
from tideline.platform.class_archive import archive_file, archive_options


def test_a_jvm_reads_the_archive(spark: SparkSession, platform: Platform) -> None:
    if not archive_options(platform.home):
        pytest.skip("no archive of classes was made: `make archive` does, where Java can")
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    maps = Path(f"/proc/{jvm.java.lang.ProcessHandle.current().pid()}/maps").read_text()
    assert str(archive_file(platform.home).resolve()) in maps
