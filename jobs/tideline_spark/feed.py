"""Files, a rate or a socket, written to the stream's topic by a query of their own: each record once.

A batch of that query is one Kafka transaction, whose cursor is the batch's id. A batch that is run again after its
transaction was committed is passed over.
"""

from __future__ import annotations

import json
import logging
import shutil
import zlib
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamReader, StreamingQuery

from tideline.home import CHECKOUT
from tideline.kafka_access import KafkaAccess
from tideline.kafka_transactions import Cursor, Record, TransactionalSender
from tideline.records import LONGEST
from tideline.spec.feeds import Feed, Files, Rate, Socket
from tideline.spec.model import StreamSpec

log = logging.getLogger(__name__)

_TIMEOUT_MS: Final = 900_000
_ORDER: Final = ("modified", "path", "start")


def start_feed(
    spark: SparkSession, spec: StreamSpec, feed: Feed, kafka: KafkaAccess, folder: Path, check: Callable[[], None]
) -> StreamingQuery:
    """Starts the query; `folder` holds its checkpoint, `check` refuses a batch that may not be begun.

    Only files begin where they were left: a socket cannot, and a rate would make up for all the time it was down.
    """
    checkpoint = folder / type(feed).__name__.lower()
    if not isinstance(feed, Files):
        shutil.rmtree(checkpoint, ignore_errors=True)
    sender = TransactionalSender(kafka, f"tideline-{spec.name}-feed", _TIMEOUT_MS)
    return (
        read_feed(spark.readStream, feed)
        .writeStream.queryName(f"{spec.name}-feed")
        .option("checkpointLocation", str(checkpoint))
        .trigger(processingTime=f"{spec.trigger} milliseconds")
        .foreachBatch(FeedSink(spec, checkpoint, sender, check))
        .start()
    )


def read_feed(reader: DataStreamReader, feed: Feed) -> DataFrame:
    """The feed's records: value (bytes), and for files where each stood: modified, path, start."""
    match feed:
        case Files():
            reader = reader.option("maxFileAge", "36500d")  # by default a file a week older than another is passed over
            place = CHECKOUT / feed.path  # or the path itself where it begins at the root
            _make_folder(place)
            lines = reader.option("maxFilesPerTrigger", feed.max_files_per_trigger).text(str(place))
            told = {"modified": "file_modification_time", "path": "file_path", "start": "file_block_start"}
            where = [F.col(f"_metadata.{column}").alias(name) for name, column in told.items()]
            return lines.select(F.col("value").cast("binary").alias("value"), *where)
        case Rate():
            options = {"rowsPerSecond": str(feed.rows_per_second), "rampUpTime": f"{feed.ramp_up // 1000}s"}
            rows = reader.format("rate").options(**options).load()
            return rows.select(F.to_json(F.struct("timestamp", "value")).cast("binary").alias("value"))
        case Socket():
            lines = reader.format("socket").option("host", feed.host).option("port", feed.port).load()
            return lines.select(F.col("value").cast("binary").alias("value"))


def _make_folder(place: Path) -> None:
    """The folder that a path or a glob looks in, so that a stream can be there before its first file."""
    fixed = takewhile(lambda part: not set(part) & set("*?[{"), place.parts)
    folder = Path(*fixed)
    if not folder.is_file():
        folder.mkdir(parents=True, exist_ok=True)


class FeedSink:
    """The function given to `foreachBatch`."""

    def __init__(
        self, spec: StreamSpec, checkpoint: Path, sender: TransactionalSender, check: Callable[[], None]
    ) -> None:
        self._topic = spec.source.topic
        self._name = spec.name
        self._checkpoint = checkpoint
        self._sender = sender
        self._check = check
        self._group: str | None = None
        self._next = 0

    def __call__(self, lines: DataFrame, batch: int) -> None:
        self._check()
        if self._group is None:  # asked once: no other can move the cursor from here on
            self._group = f"tideline-{self._name}-feed-{query_id(self._checkpoint)}"
            last = self._sender.cursor(self._group, self._topic)
            self._next = last.position if last else 0
        if batch < self._next:
            log.info("feed batch %d was sent before", batch)
            return
        rows = lines.toArrow()
        if len(rows):
            sent = self._sender.send(
                self._topic, feed_records(rows, self._sender.partitions(self._topic)), self._group, Cursor(batch + 1)
            )
            self._next = batch + 1
            log.info("feed batch %d: %d records sent to %s", batch, sent, self._topic)


def query_id(checkpoint: Path) -> str:
    """What Spark called the query when it began; a checkpoint that is made anew has another."""
    return str(json.loads((checkpoint / "metadata").read_text())["id"])


def feed_records(rows: pa.Table, partitions: int) -> Iterator[Record]:
    """Rows of `read_feed` as records. The lines of one file stay in one partition, in their order."""
    if "path" not in rows.column_names:
        yield from (_record(value, number % partitions) for number, value in enumerate(rows["value"].to_pylist()))
        return
    ordered = rows.append_column("row", pa.array(range(len(rows)))).sort_by(
        [(name, "ascending") for name in (*_ORDER, "row")]
    )
    for value, path in zip(ordered["value"].to_pylist(), ordered["path"].to_pylist(), strict=True):
        yield _record(value, zlib.crc32(path.encode()) % partitions)


def _record(value: bytes | None, partition: int) -> Record:
    """A longer record than is read is cut to one byte more, which every broker takes and the stream rejects, and says
    from how many bytes."""
    value = value or b""
    if len(value) <= LONGEST:
        return Record(value, partition=partition)
    headers = (("cut-from-bytes", b"%d" % len(value)),)
    return Record(value[: LONGEST + 1], partition=partition, headers=headers)
