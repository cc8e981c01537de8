"""The plan, the sink and the tables on a real Spark and a real broker."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from support.records import LONGER, log_line, log_metrics, small_spec
from support.stream_run import StreamRun, dropped_by_spark
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrections, read_ledger
from tideline.tables.published import read_published
from tideline_spark.plan import explode_sets

Start = Callable[[StreamSpec], StreamRun]


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


def test_two_lengths_and_two_delays_in_one_query(start: Start) -> None:
    run = start(log_metrics())
    with run.driver() as query:
        run.feed(query, *(log_line(t, ip_address="x", response_time=0.5, status_code=404) for t in (10, 70, 1000)))
        run.feed(query, log_line(500, ip_address="x"), log_line(20, ip_address="x"))
        run.feed(query, log_line(2000))
        counter = dropped_by_spark(query)
    run.reconcile()
    # 500 is late for the metrics of a minute and on time for the longer ones; 20 is late for all.
    all_metrics = len(run.spec.metrics)
    assert counter == read_corrections(run.tables, run.spec).num_rows == all_metrics - len(LONGER) + all_metrics
    assert run.verify().holds
    assert run.verify().books.late == 2


def test_sets_are_exploded_with_their_groups_numbers_once(spark: SparkSession) -> None:
    cells = [
        ("m", "a", 3, 7, ["x", "y", "z"], ["p"]),
        ("m", "b", 2, 5, [], None),
    ]
    frame = spark.createDataFrame(
        cells, "metric string, key string, events bigint, count_0 bigint, set_0 array<string>, set_1 array<string>"
    ).withColumn("drop_at", F.lit(0).cast("timestamp"))
    rows = explode_sets(frame, ["count_0", "set_0", "set_1"]).drop("metric", "drop_at").collect()
    assert sorted(map(tuple, rows), key=str) == [
        ("a", 3, 7, "x", "p"),
        ("a", None, None, "y", None),
        ("a", None, None, "z", None),
        ("b", 2, 5, None, None),
    ]


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
