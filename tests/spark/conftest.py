from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from support.platform import Platform
from support.stream_run import StreamRun, new_run
from tideline.spec.model import StreamSpec

Start = Callable[[StreamSpec], StreamRun]


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A driver's entry that runs in this process sets up its log: not for the tests after it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def start(spark: SparkSession, platform: Platform, tmp_path: Path) -> Start:
    """Begins a stream in a folder of the test's own."""
    return lambda spec: new_run(spark, platform, tmp_path, spec)
