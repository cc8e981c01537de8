"""Late cases on Spark: a plan or a setting by which Spark would drop other events than the books expect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from support.records import log_line, small_spec
from support.stream_run import StreamRun, counts, dropped_by_spark, require_exact, setting
from tideline.cross_check import Agreement, counters_of, cross_check
from tideline.ledger import FILTERS_WITH_L
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrections, read_ledger
from tideline_spark.books import new_books
from tideline_spark.exits import Exit, exit_code
from tideline_spark.plan import NoWatermark, merge_cells, read_topic, require_watermark, require_watermark_predicate
from tideline_spark.rule_settings import OtherRule

Start = Callable[[StreamSpec], StreamRun]


def test_case_11_three_actions_in_one_batch(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(100))
        run.actions = 3
        run.feed(query, *[log_line(5)] * 4, log_line(5, "b"))
        run.actions = 1
        run.feed(query, log_line(6, "c"))
        run.feed(query, log_line(101))
    require_exact(run)
    dropped = read_corrections(run.tables, run.spec)["version"].to_pylist()
    checks = cross_check(dropped, dropped, counters_of(read_ledger(run.tables)))
    assert [(check.groups, check.counter, check.verdict) for check in checks] == [
        (2, 6, Agreement.MULTIPLE),
        (1, 1, Agreement.AGREES),
    ]
    assert "executed 3 times" in checks[0].cause
    assert counts(run) == {(0, "a"): 4, (0, "b"): 1, (0, "c"): 1, (100, "a"): 2}


def test_case_17_a_driver_under_another_rule_is_refused(start: Start, spark: SparkSession) -> None:
    run = start(small_spec())
    with setting(spark, FILTERS_WITH_L, "false"), run.driver() as query:
        with pytest.raises(StreamingQueryException, match=f"{OtherRule.__name__}.*set it to true") as caught:
            run.feed(query, log_line(1))
        assert exit_code(caught.value) is Exit.CONFIGURATION
    assert read_ledger(run.tables) == []
    with run.driver() as query:
        run.feed(query, log_line(2))
    assert {row.settings[FILTERS_WITH_L] for row in read_ledger(run.tables)} == {"true"}
    require_exact(run)


@pytest.mark.parametrize(("allows_multiple", "dropped"), [("true", 1), ("false", 2)])
def test_case_17_another_rule_drops_more(
    start: Start, spark: SparkSession, tmp_path: Path, allows_multiple: str, dropped: int
) -> None:
    """Why it is refused, on a query without our sink: of 7 and 8 in two batches, one or both are lost."""
    source = small_spec().source.model_copy(update={"max_offsets_per_trigger": 1})
    run = start(small_spec().model_copy(update={"source": source}))
    run.send(*(log_line(t) for t in (5, 100, 7, 8)))
    groups = merge_cells(read_topic(spark, run.spec, run.kafka), run.spec, new_books(spark.sparkContext))

    def drain(batch: DataFrame, _: int) -> None:
        batch.collect()

    with setting(spark, FILTERS_WITH_L, allows_multiple):
        writer = groups.writeStream.outputMode("update").option("checkpointLocation", str(tmp_path / "checkpoint"))
        query = writer.foreachBatch(drain).start()
        query.processAllAvailable()
        query.stop()
    assert dropped_by_spark(query) == dropped


def test_case_36_a_plan_whose_column_lost_its_mark_is_refused(start: Start, spark: SparkSession) -> None:
    run = start(small_spec())
    books = new_books(spark.sparkContext)
    good = merge_cells(read_topic(spark, run.spec, run.kafka), run.spec, books)
    require_watermark(good)
    bare = good.select(F.col("drop_at").alias("drop_at", metadata={}), "metric", "key", "events")
    with pytest.raises(NoWatermark, match="drop_at lost its watermark"):
        require_watermark(bare)


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "bare"])
def test_case_36_the_physical_plan_tells_whether_anything_will_ever_be_dropped(
    start: Start, spark: SparkSession, tmp_path: Path, marked: bool
) -> None:
    run = start(small_spec())
    verdicts: list[str] = []

    def look(groups: DataFrame, _: int) -> None:
        try:
            require_watermark_predicate(spark.streams.active[0])
            verdicts.append("drops")
        except NoWatermark:
            verdicts.append("never drops")
        groups.collect()  # Spark fails a batch whose state nobody read

    metadata = {"spark.watermarkDelayMs": 1000} if marked else {}
    minute = F.date_trunc("minute", "timestamp").alias("drop_at", metadata=metadata)
    records = read_topic(spark, run.spec, run.kafka).withWatermark("timestamp", "1 second")
    groups = records.withColumn("drop_at", minute).groupBy("drop_at").count()
    writer = groups.writeStream.outputMode("update").option("checkpointLocation", str(tmp_path / "checkpoint"))
    query = writer.foreachBatch(look).start()
    run.feed(query, b"x")
    query.stop()
    assert set(verdicts) == {"drops" if marked else "never drops"}
