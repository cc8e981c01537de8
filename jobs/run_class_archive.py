"""Counts a few batches as every driver does, for a JVM that archives at its end the classes it has loaded."""

from __future__ import annotations

import tempfile
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tideline.keeper.deployed import parse_deployed
from tideline.spec.model import StreamSpec
from tideline_spark.books import new_books
from tideline_spark.plan import merge_cells

_SPEC: Final = """\
name: archived
source: {topic: archived, format: log}
watermark: 1 second
metrics:
  times: {window: 1 second, keys: [service], measures: {mean: avg(response_time), worst: max(response_time)}}
  users: {window: 5 seconds, measures: {users: set(user_id)}}
"""
_BATCHES: Final = 3


def main() -> None:
    spec = parse_deployed(_SPEC)
    assert isinstance(spec, StreamSpec)
    spark = SparkSession.builder.config("spark.sql.shuffle.partitions", spec.spark.shuffle_partitions).getOrCreate()
    groups = merge_cells(_records(spark), spec, new_books(spark.sparkContext))
    with tempfile.TemporaryDirectory() as checkpoint:
        query = (
            groups.writeStream.outputMode("update")
            .option("checkpointLocation", checkpoint)
            .foreachBatch(lambda batch, number: batch.toArrow())
            .start()
        )
        while query.lastProgress is None or query.lastProgress["batchId"] < _BATCHES:
            query.awaitTermination(0.1)
        query.stop()
    spark.stop()


def _records(spark: SparkSession) -> DataFrame:
    """Lines of a log in the columns of a Kafka record."""
    rate = spark.readStream.format("rate").option("rowsPerSecond", 20).load()
    line = F.struct(
        F.unix_millis("timestamp").alias("timestamp"),
        F.format_string("s%d", F.col("value") % 2).alias("service"),
        F.format_string("u%d", F.col("value") % 7).alias("user_id"),
        F.col("value").alias("response_time"),
    )
    return rate.select(
        F.lit(0).alias("partition"),
        F.col("value").alias("offset"),
        "timestamp",
        F.encode(F.to_json(line), "utf-8").alias("value"),
    )


if __name__ == "__main__":
    main()
