"""Late cases on Spark: drivers that are killed, restarted, or wake up too late; by `kill -9` in the exactness bench."""

from __future__ import annotations

import json
import random
import shutil
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from support.faults import Point
from support.records import log_line, small_spec
from support.stream_run import StreamRun, counts, require_exact, setting
from tideline.checkpoint import CheckpointLog
from tideline.ledger import RowSource
from tideline.reconcile import compute_corrections
from tideline.reconcile_plan import plan_reconcile
from tideline.spec.model import StreamSpec
from tideline.stream_books import reader
from tideline.tables.books import read_corrected, read_eras, read_ledger
from tideline.tables.corrections import commit_corrections
from tideline.tables.delta import Superseded, last_version
from tideline.tables.publication import Publication
from tideline.tables.schemas import PARTS_WRITER
from tideline.versions import version_of

Start = Callable[[StreamSpec], StreamRun]
NO_DATA = "spark.sql.streaming.noDataMicroBatches.enabled"
CLOSING = pytest.mark.parametrize("no_data_batches", ["true", "false"], ids=["closing batches", "no closing batches"])


def test_case_07_a_restart_before_the_closing_batch(start: Start, spark: SparkSession) -> None:
    run = start(small_spec())
    with setting(spark, NO_DATA, "false"), run.driver() as query:  # as if it was killed before the closing batch
        run.feed(query, log_line(100), log_line(81))
    with run.driver() as query:
        run.feed(query, log_line(85), log_line(101))  # 85 is kept: an uninterrupted run would have dropped it
        assert counts(run) == {(80, "a"): 2, (100, "a"): 2}
        run.feed(query, log_line(86))
    assert counts(run)[80, "a"] == 2
    assert require_exact(run).books.late == 1
    assert counts(run) == {(80, "a"): 3, (100, "a"): 2}


def crash_everywhere(run: StreamRun, seeds: range) -> None:
    """A stream that is killed in a batch for each seed, at each point in turn."""
    points = list(Point)
    for at, seed in enumerate(seeds):
        dice = random.Random(seed)
        point = points[at % len(points)]
        times = [dice.uniform(15 * at - 40, 15 * at + 15) for _ in range(dice.randrange(2, 8))]
        if point is Point.PLAN:
            times.append(15 * at + 15)  # the plan fails on a row: one must not be late
        run.feed_and_die(point, *(log_line(t, dice.choice("ab")) for t in times))
        if dice.random() < 0.2:
            run.reconcile()
    with run.driver() as query:
        query.processAllAvailable()
    assert require_exact(run).books.late > 0
    batches = [row.batch for row in read_ledger(run.tables)]
    assert batches == list(range(len(batches)))


@CLOSING
def test_case_08_crash_matrix(start: Start, spark: SparkSession, no_data_batches: str) -> None:
    with setting(spark, NO_DATA, no_data_batches):
        crash_everywhere(start(small_spec()), range(10))


@pytest.mark.slow
@CLOSING
def test_case_08_crash_matrix_at_length(start: Start, spark: SparkSession, no_data_batches: str) -> None:
    with setting(spark, NO_DATA, no_data_batches):
        crash_everywhere(start(small_spec()), range(100))


def test_case_09_a_zombie_is_refused(start: Start, tmp_path: Path) -> None:
    hung = start(small_spec())
    with hung.driver() as query:
        hung.feed(query, log_line(1))
    is_asleep, may_wake = threading.Event(), threading.Event()

    def sleep(_: Point) -> None:
        is_asleep.set()
        may_wake.wait(60)

    hung.faults.act, hung.faults.point = sleep, Point.BEFORE_COMMIT
    with hung.driver() as asleep:
        hung.send(log_line(2))
        assert is_asleep.wait(60)
        taking_over = start(small_spec())
        taking_over.own_checkpoint = copied(hung.checkpoint, tmp_path / "copy")
        with taking_over.driver() as query:
            for t in (100, 3, 4):
                taking_over.feed(query, log_line(t))
        newest = last_version(hung.tables.parts, PARTS_WRITER)
        may_wake.set()
        with pytest.raises(StreamingQueryException, match=Superseded.__name__):
            asleep.processAllAvailable()
    assert newest is not None and newest >= version_of(1, 4)
    assert last_version(hung.tables.parts, PARTS_WRITER) == newest
    require_exact(hung)


def copied(checkpoint: Path, to: Path) -> Path:
    """The checkpoint as another process would go on from it: Spark runs a query id once in one process."""
    shutil.copytree(checkpoint, to)
    (to / ".metadata.crc").unlink(missing_ok=True)
    (to / "metadata").write_text(json.dumps({"id": str(uuid.uuid4())}))
    return to


def test_case_10_the_checkpoint_is_purged_while_the_reconciler_sleeps(start: Start, spark: SparkSession) -> None:
    spec = small_spec()
    run = start(spec.model_copy(update={"source": spec.source.model_copy(update={"max_offsets_per_trigger": 1})}))
    run.send(log_line(100), log_line(101), *(log_line(t) for t in range(50)))
    with setting(spark, "spark.sql.streaming.minBatchesToRetain", "3"), run.driver() as query:
        query.processAllAvailable()
    assert CheckpointLog(run.checkpoint).offsets(0) is None
    assert [row.batch for row in read_ledger(run.tables)][:52] == list(range(52))
    assert run.verify().books.late == 50
    lost = f"version > {version_of(1, 9)} and version < {version_of(1, 30)}"
    DeltaTable(str(run.tables.parts)).delete(f"kind = 'ledger' and {lost}")
    require_exact(run)
    inferred = [row for row in read_ledger(run.tables) if row.source is RowSource.INFERRED]
    assert [row.batch for row in inferred] == list(range(10, 30))
    assert [row.rows for row in inferred] == [0] * 19 + [20]
    assert sum(counts(run).values()) == 52


def test_case_24_reconciliations_that_overlap_and_are_killed(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(100))
        run.feed(query, log_line(2), log_line(3, "b"))
        first = read_ledger(run.tables)
        run.feed(query, log_line(4), log_line(12), log_line(101))
    both = read_ledger(run.tables)
    eras, read = read_eras(run.tables, run.spec), reader(run.kafka, run.spec)
    plans = [plan_reconcile(eras, rows, read_corrected(run.tables)) for rows in (first, both)]
    planned = [compute_corrections(eras, plan, read(plan.ranges))[1] for plan in plans]
    assert [commit_corrections(run.tables, planned[which]) for which in (0, 1, 0)] == [2, 2, 0]
    assert counts(run)[0, "a"] == 1  # killed before publication
    assert Publication(run.tables, eras).publish_new() == 3
    require_exact(run)
    assert counts(run) == {(0, "a"): 3, (0, "b"): 1, (10, "a"): 1, (100, "a"): 2}


def test_case_33_killed_between_commit_and_publication(start: Start) -> None:
    run = start(small_spec())
    run.feed_and_die(Point.BEFORE_LOG, log_line(1))
    run.feed_and_die(Point.AFTER_COMMIT, log_line(2))
    assert counts(run)[0, "a"] == 1
    with run.driver() as query:
        query.processAllAvailable()
    assert counts(run)[0, "a"] == 2
    assert [row.rows for row in read_ledger(run.tables)] == [0, 1, 1]  # the first batch found an empty topic
    require_exact(run)
