"""Real logs through the broker and Spark: the published tables have the counts that a script finds in the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from support.platform import Platform
from support.real_logs import TRAFFIC, counted, real_log, told
from support.stream_run import new_run, require_exact
from tideline.spec.load import parse_spec
from tideline.tables.published import read_published


@pytest.mark.parametrize("name", ["apache_access.log", "nasa_access.log"])
def test_a_real_log_that_is_sent_whole_has_the_counts_that_a_script_finds(
    spark: SparkSession, platform: Platform, tmp_path: Path, name: str
) -> None:
    """Its lines come by three partitions, and many of them late: closed windows are corrected."""
    lines = real_log(name)
    spec = parse_spec(TRAFFIC, "traffic.yaml")
    source = spec.source.model_copy(update={"max_offsets_per_trigger": len(lines) // 4})
    run = new_run(spark, platform, tmp_path, spec.model_copy(update={"source": source}), partitions=3)
    half = len(lines) // 2
    with run.driver() as query:
        run.feed(query, *lines[half:])
        run.feed(query, *lines[:half])
    report = require_exact(run)
    assert (report.books.sent, report.books.rejected) == (len(lines), 0)
    assert report.books.late > len(lines) // 4
    for metric, seconds in (("minutes", 60), ("five_minutes", 300)):
        table = read_published(run.tables.published(metric))
        assert table is not None and told(table) == counted(lines, seconds)
