"""Files, a rate and a socket in a stream's topic: each record once, whoever is killed, and then exact as any other."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from support.drivers import DriverProcess
from support.platform import Platform
from support.records import log_line, small_spec
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.home import Home
from tideline.kafka_io import end_offsets, ensure_topic, read_ranges
from tideline.kafka_transactions import TransactionalSender
from tideline.platform.waiting import wait_until
from tideline.produce.line_server import LineServer
from tideline.reconcile import reconcile_stream
from tideline.records import LONGEST
from tideline.spec.feeds import Feed
from tideline.spec.model import StreamSpec
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables
from tideline.verify import verify_stream
from tideline_spark.feed import FeedSink, feed_records, read_feed, start_feed

STARTS_S = 240.0


@pytest.fixture
def topic(platform: Platform, tmp_path: Path) -> str:
    name = f"feed-{abs(hash(tmp_path))}"
    ensure_topic(platform.settings.kafka, name, 3)
    return name


def values_of(platform: Platform, topic: str) -> list[bytes]:
    """The topic's committed records, partition after partition."""
    address = platform.settings.kafka
    ranges = {partition: [(0, end)] for partition, end in end_offsets(address, topic).items() if end}
    tables = list(read_ranges(address, topic, ranges, isolation="read_committed"))
    return [value for table in tables for value in table["value"].to_pylist()]


def spec_of(topic: str, **feed: Any) -> StreamSpec:
    form = "rate" if "rate" in feed else "log"
    return StreamSpec.model_validate(
        {
            "name": topic,
            "source": {"topic": topic, "format": form, **feed},
            "watermark": "10 seconds",
            "trigger": "1 second",
            "metrics": {"counts": {"window": "10 seconds", "measures": {"request_count": "count"}}},
        }
    )


def feed_of(spec: StreamSpec) -> Feed:
    assert spec.source.feed is not None
    return spec.source.feed


def checked() -> None:
    """Nobody has superseded this driver."""


class Killed(Exception):
    """Stands for a kill after the transaction, before Spark's own commit."""


def test_a_batch_that_is_run_again_is_sent_once(
    spark: SparkSession, platform: Platform, topic: str, tmp_path: Path
) -> None:
    inbox, folder = tmp_path / "inbox", tmp_path / "feed"
    inbox.mkdir()
    spec = spec_of(topic, files={"path": str(inbox)})
    (inbox / "1.json").write_bytes(b"one\ntwo\n\xff\xfe\n")

    def dies(rows: DataFrame, batch: int) -> None:
        FeedSink(spec, folder, sender, checked)(rows, batch)
        raise Killed

    with TransactionalSender(platform.settings.kafka, topic, 60_000) as sender:
        writer = read_feed(spark.readStream, feed_of(spec)).writeStream.option("checkpointLocation", str(folder))
        with pytest.raises(StreamingQueryException, match=Killed.__name__):
            writer.foreachBatch(dies).start().processAllAvailable()
        assert values_of(platform, topic) == [b"one", b"two", b"\xff\xfe"]
        (inbox / "2.json").write_bytes(b"three\n")
        query = writer.foreachBatch(FeedSink(spec, folder, sender, checked)).start()
        query.processAllAvailable()
        query.stop()
    assert sorted(values_of(platform, topic)) == [b"one", b"three", b"two", b"\xff\xfe"]


def test_a_rate_and_a_socket(spark: SparkSession, platform: Platform, topic: str, tmp_path: Path) -> None:
    address = platform.settings.kafka
    rate = spec_of(topic, rate={"rows_per_second": 20})
    query = start_feed(spark, rate, feed_of(rate), address, tmp_path / "rate", checked)
    assert wait_until(lambda: len(values_of(platform, topic)) >= 40, STARTS_S)
    query.stop()
    found = [json.loads(value) for value in values_of(platform, topic)]
    assert sorted(row["value"] for row in found) == list(range(len(found)))
    assert all(row["timestamp"].endswith("Z") for row in found)

    lines = [log_line(second) for second in range(5)]
    with LineServer(lambda: lines, "127.0.0.1", 0) as server:
        socket = spec_of(f"{topic}-socket", socket={"port": server.port})
        ensure_topic(address, socket.topic, 3)
        query = start_feed(spark, socket, feed_of(socket), address, tmp_path / "socket", checked)
        assert wait_until(lambda: len(values_of(platform, socket.topic)) >= 5, STARTS_S)
        query.stop()
        query = start_feed(spark, socket, feed_of(socket), address, tmp_path / "socket", checked)
        assert wait_until(lambda: len(values_of(platform, socket.topic)) >= 10, STARTS_S)
        query.stop()
    assert sorted(values_of(platform, socket.topic)) == sorted(lines * 2)  # the server sends each client all


def test_the_lines_of_a_file_stay_together_in_their_order() -> None:
    rows = pa.table(
        {
            "value": pa.array([b"b2", b"a1", b"a2", b"b1"], pa.binary()),
            "modified": [20, 10, 10, 20],
            "path": ["b", "a", "a", "b"],
            "start": [100, 0, 0, 0],
        }
    )
    records = list(feed_records(rows, 3))
    assert [record.value for record in records] == [b"a1", b"a2", b"b1", b"b2"]
    assert len({record.partition for record in records[:2]}) == len({record.partition for record in records[2:]}) == 1


def test_a_longer_line_than_is_read_is_cut_and_says_so() -> None:
    fits, cut = feed_records(pa.table({"value": [b"x" * LONGEST, b"x" * (LONGEST + 7)]}), 3)
    assert (len(fits.value or b""), fits.headers) == (LONGEST, ())
    assert (len(cut.value or b""), cut.headers) == (LONGEST + 1, (("cut-from-bytes", b"%d" % (LONGEST + 7)),))


@pytest.mark.parametrize("form", ["log", "apache-common", "apache-combined", "nginx"])
def test_what_is_left_of_a_cut_line_is_no_event(form: str) -> None:
    line = b'1.2.3.4 - - [31/Jan/2026:10:00:00 +0000] "GET / HTTP/1.0" 200 1 "-" "' + b"x" * LONGEST + b'"'
    (cut,) = feed_records(pa.table({"value": [line]}), 1)
    spec = small_spec()
    engine = Engine(spec.model_copy(update={"source": spec.source.model_copy(update={"format": form})}))
    engine.load(records([cut.value]))
    assert engine.rejects()["reason"].to_pylist() == ["too_long"]


def test_files_killed_and_late(platform: Platform, topic: str, tmp_path: Path) -> None:
    """A driver on files is killed, goes on, and meets a file that is late: every line counts once."""
    address, home, inbox = platform.settings.kafka, Home(platform.home.root), tmp_path / "inbox"
    spec = spec_of(topic, files={"path": f"{inbox}/*.json", "max_files_per_trigger": 2})
    expected: Counter[int] = Counter()

    def put(name: str, seconds: range) -> None:
        """A file that is there whole, as whoever delivers files must see to."""
        expected.update(second // 10 * 10 for second in seconds)
        draft = tmp_path / name
        draft.write_bytes(b"".join(log_line(second) + b"\n" for second in seconds))
        draft.rename(inbox / name)

    def counts() -> dict[int, int]:
        table = read_published(StreamTables(home.tables(topic)).published("counts"))
        rows = [] if table is None else table.to_pylist()
        return {round(row["window_start"].timestamp()): row["request_count"] for row in rows}

    inbox.mkdir()
    put("1.json", range(100, 130))
    data = spec.model_dump(mode="json", exclude_none=True)
    first = DriverProcess(home, data, kafka=address)
    try:
        assert wait_until(lambda: counts() == expected, STARTS_S)
        put("2.json", range(130, 150))
        put("3.json", range(1000, 1010))
        assert wait_until(lambda: max(counts(), default=0) >= 1000, STARTS_S)
    finally:
        first.kill()
    put("4.json", range(95, 105))  # its windows are closed
    put("5.json", range(2000, 2003))
    second = DriverProcess(home, data, epoch=2, kafka=address)
    try:
        assert wait_until(lambda: max(counts(), default=0) >= 2000, STARTS_S)
        assert second.stop() == 0
    finally:
        second.close()
    reconcile_stream(home, address, topic)
    assert counts() == expected
    assert verify_stream(home, address, topic).holds
    assert len(values_of(platform, topic)) == sum(expected.values())
