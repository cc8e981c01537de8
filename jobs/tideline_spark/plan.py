"""The streaming plan: one read, one parse, one state store for all metrics of a stream.

Spark refuses two `window()` lengths in one aggregation, so each cell brings the time at which it may be dropped,
and that column is marked as `window()` would mark it. Neighbouring forms fail silently: `require_watermark` and
`require_watermark_predicate` stand guard.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from tideline.engine.cells import Engine
from tideline.engine.slots import SlotKind, slot_kind
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import earliest_offsets
from tideline.lateness import EVERY_WINDOW, Bounds
from tideline.quarantine import NOTHING, Quarantine
from tideline.spec.model import StreamSpec
from tideline_spark.books import Books
from tideline_spark.task import CellTask

_EARLIEST = -2
_TASK_RECORDS = 70_000
"""A partition with more records in a batch is read in several pieces, so that the tasks have equally many."""
_PATIENCE: Final = dict.fromkeys(("kafka.default.api.timeout.ms", "kafkaConsumer.pollTimeoutMs"), "3600000")
"""A driver waits an hour for a broker that is away: a new one would find it no sooner. By the defaults, of one and two
minutes, a batch in flight fails in the midst of a broker's upgrade, and the query with it."""
_GROUP = ("drop_at", "metric", "key")
_WATERMARK_KEY = "spark.watermarkDelayMs"
_SPARK_TYPES = {
    SlotKind.COUNT: "bigint",
    SlotKind.SUM: "decimal(38,0)",
    SlotKind.MIN: "bigint",
    SlotKind.MAX: "bigint",
    SlotKind.SET: "array<string>",
}
_MERGES = {
    SlotKind.COUNT: F.sum,
    SlotKind.SUM: F.sum,
    SlotKind.MIN: F.min,
    SlotKind.MAX: F.max,
    SlotKind.SET: F.collect_set,
}


class NoWatermark(Exception):
    """The plan would never drop or evict: Spark did not see the marked column as an event time."""


def read_topic(
    spark: SparkSession, spec: StreamSpec, kafka: KafkaAccess, starts: Mapping[int, int] = MappingProxyType({})
) -> DataFrame:
    """The stream's Kafka records, in a new checkpoint from `starts` (offset by partition, by default the earliest).

    An offset that is gone fails the query, and a person decides.
    """
    begin = starting_offsets(spec.source.topic, starts, earliest_offsets(kafka, spec.source.topic))
    return (
        spark.readStream.format("kafka")
        .options(**kafka.spark())
        .option("subscribe", spec.source.topic)
        .option("startingOffsets", begin)
        .option("failOnDataLoss", "true")
        .option("kafka.isolation.level", spec.source.isolation)
        .option("maxOffsetsPerTrigger", spec.source.max_offsets_per_trigger)
        .option("maxRecordsPerPartition", _TASK_RECORDS)
        .options(**_PATIENCE)
        .load()
        .select("partition", "offset", "timestamp", "value")
    )


def starting_offsets(topic: str, starts: Mapping[int, int], partitions: Iterable[int]) -> str:
    """Spark's `startingOffsets`, which must name all partitions: one added since the starts begins at its earliest."""
    return json.dumps({topic: {str(part): starts.get(part, _EARLIEST) for part in sorted({*starts, *partitions})}})


def cell_schema(slots: list[str]) -> str:
    """The DDL of cells."""
    columns = [f"{slot} {_SPARK_TYPES[slot_kind(slot)]}" for slot in slots]
    return ", ".join(["metric string", "key string", "drop_at timestamp", "ts timestamp", "events bigint", *columns])


def merge_cells(
    records: DataFrame,
    spec: StreamSpec,
    books: Books,
    bounds: Bounds = EVERY_WINDOW,
    pane: int | None = None,
    quarantine: Quarantine = NOTHING,
) -> DataFrame:
    """Groups as of each batch: drop_at, metric, key, events and the slots; only windows within the bounds count.

    As many tasks as cores make the cells, so that few hold the same group; they meet before their sets are exploded.
    """
    slots = Engine(spec).slots
    marked = F.col("drop_at").alias("drop_at", metadata={_WATERMARK_KEY: spec.smallest_delay_ms})
    task = CellTask(spec, books, bounds, pane, quarantine)
    cells = (
        records.coalesce(spec.spark.cores)
        .mapInArrow(task, cell_schema(slots))
        .withWatermark("ts", f"{spec.smallest_delay_ms} milliseconds")
        .withColumn("drop_at", marked)
        .repartition(*_GROUP)
    )
    return (
        explode_sets(cells, slots)
        .groupBy(*_GROUP)
        .agg(F.sum("events").alias("events"), *(_MERGES[slot_kind(slot)](slot).alias(slot) for slot in slots))
    )


def explode_sets(cells: DataFrame, slots: list[str]) -> DataFrame:
    """The cells with one row a set element: numbers stand on a group's first row only, later rows hold null.

    So `collect_set` keeps each element once in the state, however many cells bring it.
    """
    sets = [slot for slot in slots if slot_kind(slot) is SlotKind.SET]
    if not sets:
        return cells.select("metric", "key", "drop_at", "events", *slots)
    place = F.col("place")
    longest = F.greatest(F.lit(1), *(F.array_size(slot) for slot in sets))
    columns = [
        F.get(slot, place).alias(slot) if slot in sets else F.when(place == 0, F.col(slot)).alias(slot)
        for slot in ["events", *slots]
    ]
    numbered = cells.withColumn("place", F.explode(F.sequence(F.lit(0), longest - 1)))
    return numbered.select("metric", "key", "drop_at", *columns)


def require_watermark(groups: DataFrame) -> None:
    """Refuses a plan whose grouping column has lost the mark of an event time."""
    if _WATERMARK_KEY not in groups.schema["drop_at"].metadata:
        raise NoWatermark(
            "the column drop_at lost its watermark: late events would be counted, and state kept for ever"
        )


def require_watermark_predicate(query: StreamingQuery) -> None:
    """Refuses an execution without the predicate that evicts; call it inside a batch."""
    execution = query._jsq.streamingQuery().lastExecution()
    saves = _find(execution.executedPlan(), "StateStoreSaveExec")
    if not saves or not all(save.watermarkExpressionForEviction().isDefined() for save in saves):
        raise NoWatermark("Spark planned no watermark predicate: late events would be counted, and state kept for ever")


def _find(node: Any, name: str) -> list[Any]:
    found = [node] if node.getClass().getSimpleName() == name else []
    children = node.children()
    return found + [hit for i in range(children.size()) for hit in _find(children.apply(i), name)]
