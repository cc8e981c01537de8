"""Late cases on Spark: what arrives, how late, and in which batches."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from support.records import log_line, small_spec
from support.stream_run import StreamRun, counts, dropped_by_spark, require_exact
from tideline.checkpoint import CheckpointLog
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrections
from tideline.tables.published import read_published
from tideline_spark.plan import read_topic

Start = Callable[[StreamSpec], StreamRun]


def test_case_14_a_window_with_late_events_only(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(100))
        run.feed(query, log_line(5, "b"), log_line(6, "b"))
    assert counts(run) == {(100, "a"): 1}
    require_exact(run)
    assert counts(run) == {(100, "a"): 1, (0, "b"): 2}


def test_case_15_a_poison_future_event_is_refused_by_the_guard(start: Start) -> None:
    run = start(small_spec())
    now = int(time.time())
    with run.driver() as query:
        run.feed(query, log_line(now), log_line(now + 10_000))
        run.feed(query, log_line(now - 5), log_line(now + 1))
        assert dropped_by_spark(query) == 0
    books = require_exact(run).books
    assert (books.rejected, books.late) == (1, 0)


def test_case_15_a_poison_future_event_without_the_guard(start: Start) -> None:
    spec = small_spec()
    run = start(spec.model_copy(update={"source": spec.source.model_copy(update={"max_future": 86_400_000})}))
    now = int(time.time())
    with run.driver() as query:
        run.feed(query, log_line(now), log_line(now + 10_000))
        run.feed(query, *(log_line(now + t) for t in range(60)))
    assert sum(counts(run).values()) == 2
    assert require_exact(run).books.late == 60
    assert sum(counts(run).values()) == 62


def test_case_16_a_filter_pushed_below_the_watermark(start: Start, spark: SparkSession, tmp_path: Path) -> None:
    run = start(small_spec())

    def drain(groups: DataFrame, _: int) -> None:
        groups.collect()

    event = F.from_json(F.col("value").cast("string"), "timestamp bigint, service string")
    events = read_topic(spark, run.spec, run.kafka).select(event.alias("event")).select("event.*")
    times = events.select(F.timestamp_millis("timestamp").alias("t"), "service").withWatermark("t", "10 seconds")
    filtered = times.where("service <> 'x'").groupBy(F.window("t", "10 seconds"), "service").count()
    writer = filtered.writeStream.outputMode("update").option("checkpointLocation", str(tmp_path / "filtered"))
    query = writer.foreachBatch(drain).start()
    run.feed(query, log_line(100), log_line(1000, "x"))
    run.feed(query, log_line(95), log_line(85))
    query.stop()
    log = CheckpointLog(tmp_path / "filtered")
    newest = log.last_offsets()
    assert newest is not None and log.late_watermark_ms(newest) == 90_000  # not 990_000
    # A stream of ours filters nothing below its watermark: x moves it, and the books go by what was recorded.
    with run.driver() as query:
        query.processAllAvailable()
        run.feed(query, log_line(95), log_line(85))
    assert CheckpointLog(run.checkpoint).late_watermark_ms(2) == 990_000
    assert require_exact(run).books.late == 2


def test_case_25_late_data_keeps_coming_to_one_window(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(100))
        seen = [counts(run)[0, "a"]]
        for more in (1, 3, 1, 2, 5):
            run.feed(query, *[log_line(2)] * more, log_line(101))
            assert run.reconcile().corrections == 1
            seen.append(counts(run)[0, "a"])
    assert all(before < after for before, after in pairwise(seen)) and seen[-1] == 13
    require_exact(run)
    assert len(read_corrections(run.tables, run.spec)) == 5


SPAN, PERMUTATIONS = 1_000, 20


def test_case_26_permutations(start: Start) -> None:
    """Each permutation has a span of event time of its own, so that none is late for the sake of another."""
    count = {"keys": ["service"], "measures": {"request_count": "count"}}
    run = start(small_spec(counts={"window": "30 seconds", "slide": "10 seconds", **count}))
    dice = random.Random(26)
    events = [(dice.randrange(120_000) / 1000, dice.choice("ab")) for _ in range(12)]
    plays = [(number, dice.sample(events, len(events)), dice.randrange(2, 10)) for number in range(PERMUTATIONS)]
    lines = [[log_line(SPAN * number + t, s) for t, s in order] for number, order, _ in plays]
    for first in range(0, PERMUTATIONS, 5):
        with run.driver() as query:
            for play in range(first, first + 5):
                cut = plays[play][2]
                run.feed(query, *lines[play][:cut])
                run.feed(query, *lines[play][cut:])
    before = tables_by_permutation(run)
    assert require_exact(run).books.late > PERMUTATIONS
    after = tables_by_permutation(run)
    assert any(table != before[0] for table in before)
    assert [number for number, table in enumerate(after) if table != after[0]] == []


def tables_by_permutation(run: StreamRun) -> list[dict[tuple[int, str], int]]:
    """The published rows of each permutation, by their time within its span; windows may begin 20 s before it."""
    tables: list[dict[tuple[int, str], int]] = [{} for _ in range(PERMUTATIONS)]
    for (start_s, service), count in counts(run).items():
        number = (start_s + 100) // SPAN
        tables[number][start_s - SPAN * number, service] = count
    return tables


def test_case_29_the_float_trap(start: Start) -> None:
    sums = {"total": "sum(response_time)", "average": "avg(response_time)", "spread": "stddev(response_time)"}
    run = start(small_spec(counts={"window": "10 seconds", "keys": ["service"], "measures": {"n": "count", **sums}}))
    tenths = [log_line(5, response_time=0.1)] * 10_000
    with run.driver() as query:
        run.feed(query, *tenths[:1])
        run.feed(query, *tenths[1:3_456])
        run.feed(query, *tenths[3_456:7_000], log_line(100))
        run.feed(query, *tenths[7_000:])
    assert require_exact(run).books.late == 3_000
    table = read_published(run.tables.published("counts"))
    assert table is not None
    row = table.sort_by("window_start").to_pylist()[0]
    assert (row["n"], row["total"], row["average"], row["spread"]) == (10_000, 1_000.0, 0.1, 0.0)
    assert sum([0.1] * 10_000) != 1_000.0  # the trap
