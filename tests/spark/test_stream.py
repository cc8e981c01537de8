"""The plan, the sink and the tables on a real Spark and a real broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from support.platform import Platform
from support.records import log_line, log_metrics, small_spec
from support.stream_run import StreamRun, dropped_by_spark, new_run
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrections, read_ledger
from tideline.tables.delta import Superseded, last_version
from tideline.tables.published import read_published
from tideline.tables.schemas import PARTS_WRITER
from tideline.versions import version_of
from tideline_spark.books import new_books
from tideline_spark.plan import NoWatermark, merge_cells, read_topic, require_watermark, require_watermark_predicate

Start = Callable[[StreamSpec], StreamRun]


@pytest.fixture
def start(spark: SparkSession, platform: Platform, tmp_path: Path) -> Start:
    return lambda spec: new_run(spark, platform, tmp_path, spec)


def published(run: StreamRun, metric: str = "counts") -> dict[tuple[int, str], tuple[int, bool, int]]:
    """(window start in s, service) -> (count, is open, revision)."""
    table = read_published(run.tables.published(metric))
    assert table is not None
    return {
        (round(row["window_start"].timestamp()), row["service"]): (
            row["request_count"],
            row["is_open"],
            row["revision"],
        )
        for row in table.to_pylist()
    }


def test_what_the_watermark_dropped_is_found_and_corrected(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(100))
        late = [log_line(7)] * 50 + [log_line(7, "b"), log_line(15), log_line(80), log_line(85), log_line(79.999)]
        run.feed(query, *late, b"junk")
        assert dropped_by_spark(query) == 5
    before = run.verify()
    assert (before.books.late, before.books.rejected, before.books.pending) == (55, 1, 55)
    result = run.reconcile()
    assert (result.late_events, result.corrections) == (55, 5)
    assert published(run)[0, "a"] == (51, False, 1)
    assert published(run)[70, "a"] == (1, False, 1)
    assert run.verify().holds and run.verify().books.corrected == 55
    assert run.reconcile().rows_published == 0


def test_the_edge_counts_as_late(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(100))
        run.feed(query, log_line(89), log_line(90, "z"))
    assert read_corrections(run.tables, run.spec).num_rows == 0
    assert published(run) == {(100, "a"): (1, True, 0), (90, "z"): (1, True, 0)}
    assert run.reconcile().late_events == 1


def test_two_lengths_and_two_delays_in_one_query(start: Start) -> None:
    run = start(log_metrics())
    with run.driver() as query:
        run.feed(query, *(log_line(t, ip_address="x", response_time=0.5, status_code=404) for t in (10, 70, 1000)))
        run.feed(query, log_line(500, ip_address="x"), log_line(20, ip_address="x"))
        run.feed(query, log_line(2000))
        counter = dropped_by_spark(query)
    run.reconcile()
    # 500 is late for the minute's three metrics and on time for ip_patterns; 20 is late for all four.
    assert counter == read_corrections(run.tables, run.spec).num_rows == 7
    assert run.verify().holds
    assert run.verify().books.late == 2


def test_a_restart_goes_on_from_the_checkpoint_and_doubles_nothing(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(2))
    with run.driver() as query:
        run.feed(query, log_line(3))
    assert published(run) == {(0, "a"): (3, True, 0)}
    assert run.verify().holds


def test_a_replayed_batch_is_committed_once(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(2))
    last = read_ledger(run.tables)[-1].batch
    for file in (f"{last}", f".{last}.crc"):
        (run.checkpoint / "commits" / file).unlink(missing_ok=True)
    with run.driver() as query:
        run.feed(query, log_line(3))
    assert [row.batch for row in read_ledger(run.tables)] == sorted({row.batch for row in read_ledger(run.tables)})
    assert run.verify().holds


def test_a_driver_that_was_overtaken_writes_nothing(start: Start) -> None:
    run, zombie = start(small_spec()), start(small_spec())
    with zombie.driver() as old:
        zombie.feed(old, log_line(1))
        run.generation = 2
        with run.driver() as query:
            cut = last_version(run.tables.parts, PARTS_WRITER)
            with pytest.raises(Exception, match=Superseded.__name__):
                zombie.feed(old, log_line(2))
            query.processAllAvailable()
    assert [row.generation for row in read_ledger(run.tables)][-1] == 2
    assert cut == version_of(2, 0) - 1
    assert published(run) == {(0, "a"): (2, True, 0)}


def test_a_plan_whose_column_lost_its_mark_is_refused(start: Start, spark: SparkSession) -> None:
    run = start(small_spec())
    books = new_books(spark.sparkContext)
    good = merge_cells(read_topic(spark, run.spec, run.bootstrap), run.spec, books)
    require_watermark(good)
    bare = good.select(F.col("drop_at").alias("drop_at", metadata={}), "metric", "key", "events")
    with pytest.raises(NoWatermark, match="drop_at lost its watermark"):
        require_watermark(bare)


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "bare"])
def test_the_physical_plan_tells_whether_anything_will_ever_be_dropped(
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
    records = read_topic(spark, run.spec, run.bootstrap).withWatermark("timestamp", "1 second")
    groups = records.withColumn("drop_at", minute).groupBy("drop_at").count()
    writer = groups.writeStream.outputMode("update").option("checkpointLocation", str(tmp_path / "checkpoint"))
    query = writer.foreachBatch(look).start()
    run.feed(query, b"x")
    query.stop()
    assert set(verdicts) == {"drops" if marked else "never drops"}
