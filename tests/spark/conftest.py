from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from support.platform import Platform
from support.stream_run import StreamRun, new_run
from tideline.spec.model import StreamSpec

Start = Callable[[StreamSpec], StreamRun]


@pytest.fixture
def start(spark: SparkSession, platform: Platform, tmp_path: Path) -> Start:
    """Begins a stream in a folder of the test's own."""
    return lambda spec: new_run(spark, platform, tmp_path, spec)
