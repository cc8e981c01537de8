"""The late spans of a plan, read and computed by Spark: the core's own SQL inside the tasks, partial results back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Final, Protocol, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from tideline.generations import Era
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import require_held
from tideline.late_cells import LateCells
from tideline.late_record import LateRecord
from tideline.quarantine import Quarantine
from tideline.read_rounds import Round, rounds
from tideline.reconcile import as_read
from tideline.reconcile_plan import LateSpan, ReconcilePlan
from tideline.records import RECORDS
from tideline.spec.model import LateAlert, StreamSpec
from tideline.stream_books import StreamBooks
from tideline_spark.books import arrow_bytes

TASK_RECORDS: Final = 200_000
"""A longer range is read by several tasks, so that one partition keeps all cores busy."""

PIECE_ROWS: Final = 100_000

HANDED_OVER: Final = "era int, rows binary"
"""What tasks return: Arrow streams of an era's cells by its index, of late events without one."""


class Count(Protocol):
    """A Spark accumulator of whole numbers."""

    @property
    def value(self) -> int: ...

    def add(self, term: int) -> None: ...


class SparkReader:
    """The step of a reconciliation that reads the plan's spans; see `tideline.reconcile.Compute`."""

    def __init__(self, spark: SparkSession, kafka: KafkaAccess) -> None:
        self._spark = spark
        self._kafka = kafka

    def __call__(self, books: StreamBooks, plan: ReconcilePlan, record: LateRecord) -> tuple[int, pa.Table]:
        late = LateCells(books.eras, plan.spans)
        count = cast(Count, self._spark.sparkContext.accumulator(0))
        if plan.spans:
            require_held(self._kafka, books.spec.source.topic, plan.ranges)
            reads = [read_round(self._spark, self._kafka, books.spec, each) for each in rounds(plan.ranges)]
            task = LateTask(books.spec.late_data.alert, books.eras, plan.spans, as_read(books, plan), count)
            handed_over = reduce(DataFrame.unionAll, reads).mapInArrow(task, HANDED_OVER).toArrow()
            _collect(handed_over, late, record)
        return count.value, late.corrections()


def _collect(handed_over: pa.Table, late: LateCells, record: LateRecord) -> None:
    for era, rows in zip(handed_over["era"].to_pylist(), handed_over["rows"], strict=True):
        table = pa.ipc.open_stream(rows.as_buffer()).read_all()
        if era is None:
            record.add(table)
        else:
            late.add(era, table)


class LateTask:
    """The function given to `mapInArrow`: a task's records become its late events and, merged, its cells."""

    def __init__(
        self,
        alert: LateAlert | None,
        eras: Sequence[Era],
        spans: Sequence[LateSpan],
        refused: Quarantine,
        count: Count,
    ) -> None:
        self._alert = alert
        self._refused = refused
        self._eras = eras
        self._spans = spans
        self._count = count

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        record = LateRecord(self._alert, self._eras, self._spans)
        late = LateCells(self._eras, self._spans, record.collect)
        for records in batches:
            self._count.add(records.num_rows)
            table = pa.Table.from_batches([records]).select(RECORDS.names).cast(RECORDS)
            late.load(self._refused.mark(table))
        yield from _handed_over(None, record.rows())
        for era, cells in late.found().items():
            yield from _handed_over(era, cells)


def _handed_over(era: int | None, rows: pa.Table) -> Iterator[pa.RecordBatch]:
    """In pieces, so that no stream outgrows what one value may hold."""
    for piece in rows.to_batches(max_chunksize=PIECE_ROWS):
        if piece.num_rows:
            stream = arrow_bytes(pa.Table.from_batches([piece]))
            yield pa.record_batch({"era": pa.array([era], pa.int32()), "rows": pa.array([stream], pa.binary())})


def read_round(spark: SparkSession, kafka: KafkaAccess, spec: StreamSpec, ranges: Round) -> DataFrame:
    """The records of one range a partition. An offset that is gone fails the read: fewer rows would be silent."""
    topic = spec.source.topic
    return (
        spark.read.format("kafka")
        .options(**kafka.spark())
        .option("assign", json.dumps({topic: sorted(ranges)}))
        .option("startingOffsets", json.dumps({topic: {str(p): start for p, (start, _) in ranges.items()}}))
        .option("endingOffsets", json.dumps({topic: {str(p): end for p, (_, end) in ranges.items()}}))
        .option("failOnDataLoss", "true")
        .option("kafka.isolation.level", isolation_level(spec))
        .option("maxRecordsPerPartition", TASK_RECORDS)
        .load()
        .select(*RECORDS.names)
    )


def isolation_level(spec: StreamSpec) -> str:
    """As the stream reads: with another level other records would be late."""
    return spec.source.isolation
