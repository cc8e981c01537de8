"""The metrics of a spec as one Structured Streaming query each, as Spark's guide has it: what a stream is measured
against. Runs until it is ended.

Each query reads the topic and parses what its metric needs; its groups go to a Delta table by the same writer.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from tideline.bench.engine_speed import AT_MOST_S, WARM_UP, all_have_read
from tideline.engine.publish import published_schema
from tideline.kafka_access import KafkaAccess
from tideline.platform.waiting import wait_until
from tideline.spec.load import load_spec
from tideline.spec.model import Metric, StreamSpec
from tideline.tables.published import write_published
from tideline.tables.schemas import StreamTables

TYPES = {"timestamp": "bigint", "response_time": "double", "status_code": "int"}
MEASURES: dict[str, Callable[[str], Column]] = {
    "count": lambda _: F.count("*"),
    "count_if": lambda sql: F.count_if(F.expr(sql)),
    "count_distinct": lambda column: F.size(F.collect_set(column)).cast("bigint"),
    "set": lambda column: F.sort_array(F.collect_set(column)),
    "avg": F.avg,
    "min": F.min,
    "max": F.max,
    "stddev": F.stddev_samp,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--warm-up", required=True, type=int, help="events to read first, into a folder of their own")
    arguments = parser.parse_args()
    spec = load_spec(arguments.folder / "spec.yaml")
    spark = (
        SparkSession.builder.appName("query-each")
        .config("spark.sql.shuffle.partitions", spec.spark.shuffle_partitions)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .getOrCreate()
    )
    warm_up = arguments.folder / WARM_UP
    queries = [start(spark, spec, name, arguments.bootstrap, warm_up) for name in spec.metrics]
    checkpoints = [warm_up / "checkpoints" / name for name in spec.metrics]
    wait_until(lambda: all_have_read(checkpoints, arguments.warm_up) or bool(failed(queries)), AT_MOST_S, every=0.5)
    if failed(queries):
        raise failed(queries)[0]
    for query in queries:
        query.stop()
    spark.streams.resetTerminated()
    for name in spec.metrics:
        start(spark, spec, name, arguments.bootstrap, arguments.folder)
    spark.streams.awaitAnyTermination()


def failed(queries: list[StreamingQuery]) -> list[Exception]:
    return [error for query in queries if (error := query.exception()) is not None]


def start(spark: SparkSession, spec: StreamSpec, name: str, bootstrap: str, folder: Path) -> StreamingQuery:
    path = StreamTables(folder / "tables").published(name)
    schema = published_schema(spec, name)

    def write(groups: DataFrame, batch: int) -> None:
        rows = groups.withColumns({"as_of": F.current_timestamp(), "part_version": F.lit(batch)}).toArrow()
        write_published(path, rows.select(schema.names).cast(schema), batch)

    return (
        grouped(read(spark, spec, bootstrap), spec, name)
        .writeStream.queryName(name)
        .outputMode("update")
        .option("checkpointLocation", str(folder / "checkpoints" / name))
        .trigger(processingTime=f"{spec.trigger} milliseconds")
        .foreachBatch(write)
        .start()
    )


def read(spark: SparkSession, spec: StreamSpec, bootstrap: str) -> DataFrame:
    return (
        spark.readStream.format("kafka")
        .options(**KafkaAccess(bootstrap).spark())
        .option("subscribe", spec.source.topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", spec.source.max_offsets_per_trigger)
        .load()
    )


def grouped(records: DataFrame, spec: StreamSpec, name: str) -> DataFrame:
    metric = spec.metrics[name]
    fields = ", ".join(f"{column} {TYPES.get(column, 'string')}" for column in sorted(columns_of(metric)))
    events = records.select(F.from_json(F.col("value").cast("string"), fields).alias("event")).select("event.*")
    delay = spec.watermark if metric.watermark is None else metric.watermark
    window = F.window("at", f"{metric.window} milliseconds", f"{metric.slide_ms} milliseconds")
    groups = (
        events.withColumn("at", F.timestamp_millis("timestamp"))
        .withWatermark("at", f"{delay} milliseconds")
        .groupBy(window, *metric.keys)
        .agg(*(_measure(text).alias(column) for column, text in metric.measures.items()))
    )
    return groups.select(
        F.date_format("window.start", "yyyy-MM-dd-HH").alias("hour"),
        F.col("window.start").alias("window_start"),
        F.col("window.end").alias("window_end"),
        F.to_json(F.array(*metric.keys)).alias("key"),
        F.lit(True).alias("is_open"),
        F.lit(False).alias("is_cut"),
        F.lit(0).alias("revision"),
        *metric.keys,
        *metric.measures,
        *(F.expr(sql).alias(column) for column, sql in metric.derived.items()),
    )


def columns_of(metric: Metric) -> set[str]:
    """The columns of an event that a metric needs: keys, those named in its measures, and the time."""
    known = {"service", "ip_address", "user_id", *TYPES}
    return {"timestamp", *metric.keys} | (known & set(re.findall(r"\w+", " ".join(map(str, metric.measures.values())))))


def _measure(text: Any) -> Column:
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", str(text))
    assert found is not None
    return MEASURES[found[1]](found[2])


if __name__ == "__main__":
    main()
