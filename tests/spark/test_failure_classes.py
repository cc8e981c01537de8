"""Failures made anew in a real session, so that a Spark that tells them otherwise than the recorded ones is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from support.platform import Platform
from tideline.checkpoint import CheckpointLog
from tideline.kafka_io import ensure_topic
from tideline.produce.sender import Sender
from tideline_spark.exits import Exit, exit_code, last_words

TOPIC = "failures-test"


@pytest.fixture(scope="module")
def records(spark: SparkSession, platform: Platform) -> DataFrame:
    """A stream of three records, of which the last is no number."""
    broker = platform.settings.kafka
    ensure_topic(broker, TOPIC, 1)
    with Sender(broker, TOPIC, 1) as sender:
        for value in (b"1", b"2", b"three"):
            sender.send(value)
    return kafka(spark, broker.servers)


def kafka(spark: SparkSession, address: str, **options: str) -> DataFrame:
    reader = spark.readStream.format("kafka").option("kafka.bootstrap.servers", address).option("subscribe", TOPIC)
    for name, value in options.items():
        reader = reader.option(f"kafka.{name.replace('_', '.')}", value)
    return reader.option("startingOffsets", "earliest").load()


def end_of(
    rows: DataFrame, checkpoint: Path, act: Callable[[DataFrame, int], Any] = lambda rows, _: rows.count()
) -> Exception:
    """What a query over all that is there ends with."""
    writer = rows.writeStream.option("checkpointLocation", str(checkpoint))
    with pytest.raises(Exception) as failed:
        writer.trigger(availableNow=True).foreachBatch(act).start().awaitTermination(120)
    return failed.value


def read_numbers(rows: DataFrame, _: int) -> None:
    for row in rows.collect():
        int(row.value)


def fill_the_disk(rows: DataFrame, _: int) -> None:
    with Path("/dev/full").open("w") as full:
        full.write("x" * 100_000)


def in_worker(body: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A function for `mapInArrow` that evaluates this of a chunk: made here, since workers cannot import a test."""

    def work(chunks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for chunk in chunks:
            yield pa.RecordBatch.from_pydict({"number": eval(body, {"chunk": chunk})})

    return work


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (read_numbers, Exit.FAILED),
        (fill_the_disk, Exit.INFRASTRUCTURE),
        (lambda rows, _: rows.select("nowhere"), Exit.CODE),
        (lambda rows, _: bytearray(1 << 60), Exit.OUT_OF_MEMORY),
    ],
    ids=["record", "disk full", "no column", "memory"],
)
def test_what_fails_in_foreach_batch(
    records: DataFrame, tmp_path: Path, act: Callable[[DataFrame, int], Any], code: Exit
) -> None:
    assert exit_code(end_of(records, tmp_path, act)) is code


@pytest.mark.parametrize(
    ("body", "code", "suspects"),
    [
        ("[int(value) for value in chunk['value'].to_pylist()]", Exit.FAILED, True),
        ("__import__('os').kill(__import__('os').getpid(), 9)", Exit.FAILED, True),
        ("undefined_name", Exit.CODE, False),
    ],
    ids=["record", "killed", "no name"],
)
def test_what_fails_in_a_worker(records: DataFrame, tmp_path: Path, body: str, code: Exit, suspects: bool) -> None:
    error = end_of(records.mapInArrow(in_worker(body), "number long"), tmp_path)
    told = last_words(error, CheckpointLog(tmp_path).query_id())
    assert (exit_code(error), told["fingerprint"] is not None) == (code, suspects)


def test_an_operator_that_streams_do_not_have(records: DataFrame, tmp_path: Path) -> None:
    assert exit_code(end_of(records.groupBy("partition").count(), tmp_path)) is Exit.CODE


def test_a_source_that_is_not_there(spark: SparkSession) -> None:
    with pytest.raises(Exception) as failed:
        spark.readStream.format("no_such_source").load()
    assert exit_code(failed.value) is Exit.CONFIGURATION


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, Exit.INFRASTRUCTURE),
        ({"interceptor_classes": "none"}, Exit.CONFIGURATION),
    ],
    ids=["nobody listens", "option"],
)
def test_a_broker_that_does_not_answer(
    spark: SparkSession, tmp_path: Path, options: dict[str, str], code: Exit
) -> None:
    patience = {"default_api_timeout_ms": "3000", "request_timeout_ms": "2000"}
    with pytest.raises(Exception) as failed:
        raise end_of(kafka(spark, "127.0.0.1:9", **patience, **options), tmp_path)
    assert exit_code(failed.value) is code


@pytest.mark.parametrize("entry", ["offsets/0", "commits/0", "metadata"])
def test_a_damaged_checkpoint(records: DataFrame, tmp_path: Path, entry: str) -> None:
    counts = records.groupBy("partition").count()
    writer = counts.writeStream.outputMode("update").option("checkpointLocation", str(tmp_path))
    writer.trigger(availableNow=True).foreachBatch(lambda rows, _: rows.count()).start().awaitTermination(120)
    damage(tmp_path / entry)
    with pytest.raises(Exception) as failed:
        writer.trigger(availableNow=True).foreachBatch(lambda rows, _: rows.count()).start().awaitTermination(120)
    assert exit_code(failed.value) is Exit.STATE


def damage(file: Path) -> None:
    """Other bytes, and no checksum that would tell."""
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    file.write_text("garbage")
