"""A driver's sinks on a real broker: what a reader of the topics has in the end, whoever is killed when."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path
from typing import Any

import pytest

from support.drivers import DriverProcess
from support.gateway import Gateway
from support.kafka_acts import set_topic
from support.platform import Platform
from support.records import log_line
from support.scraped import catalogued, names_of, scrape, value, values
from tideline.exporter.catalogue import Scope
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import consumer
from tideline.kafka_io import end_offsets, ensure_topic
from tideline.logs.context import About
from tideline.logs.driver_log import driver_entries
from tideline.logs.entry import RAW
from tideline.logs.format import JsonLines, LineHandler
from tideline.logs.of_stream import find, task_folder
from tideline.logs.search import Wanted
from tideline.platform.waiting import wait_until
from tideline.produce.sender import Sender
from tideline.reconcile import reconcile_stream
from tideline.tables.books import read_ledger
from tideline.tables.late_events import read_late_events
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

STARTS_S = 240.0
CONSOLE = ("counts (complete): ", "window_start ", "1970-01-01T")


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


def messages(kafka: KafkaAccess, topic: str) -> list[Any]:
    """All committed records of a topic, partition after partition."""
    from kafka import TopicPartition

    ends = end_offsets(kafka, topic)
    found: list[Any] = []
    with consumer(kafka, "read_committed") as client:
        for partition, end in ends.items():
            at = TopicPartition(topic, partition)
            client.assign([at])
            client.seek(at, 0)
            while client.position(at) < end:
                found += [record for records in client.poll(1000).values() for record in records]
    return found


def compacted(kafka: KafkaAccess, topic: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What a compacted topic ends with: (window_start, key columns) -> row."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in messages(kafka, topic):
        _, start, _, *keys = json.loads(record.key)
        rows[start, *keys] = json.loads(record.value)
    return rows


def test_topics_follow_the_table_through_a_kill_and_a_correction(
    platform: Platform, tmp_path: Path, gateway: Gateway
) -> None:
    """And the second driver's exporter tells all that a driver can tell."""
    address, home = platform.settings.kafka, Home(platform.home.root)
    name = f"sinks-{abs(hash(tmp_path))}"
    changed, closed, on_time = (f"{name}-{kind}" for kind in ("changed", "closed", "on-time"))
    counts = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}
    spec = {
        "name": name,
        "source": {"topic": name},
        "watermark": "10 seconds",
        "trigger": "500 ms",
        "metrics": {"counts": counts},
        "sinks": [
            {"to": "kafka", "topic": changed},
            {"to": "kafka", "topic": closed, "mode": "append"},
            {"to": "console", "mode": "complete"},
        ],
        "late_data": {"on_time_topic": on_time},
        "exporter": {"pushgateway": gateway.url},
    }
    ensure_topic(address, name, 1)
    tables = StreamTables(home.tables(name))

    def table() -> dict[tuple[Any, ...], int]:
        found = read_published(tables.published("counts"))
        rows = [] if found is None else found.to_pylist()
        return {(f"{row['window_start']:%Y-%m-%dT%H:%M:%SZ}", row["service"]): row["request_count"] for row in rows}

    def sent(topic: str) -> dict[tuple[Any, ...], int]:
        return {key: row["request_count"] for key, row in compacted(address, topic).items()}

    def feed(*values: bytes) -> None:
        with Sender(address, name, 1) as sender:
            for value in values:
                sender.send(value, "sent", key=value[:4])

    first = DriverProcess(home, spec, kafka=address)
    try:
        feed(log_line(1), log_line(2, "b"), b"no log line")
        assert wait_until(lambda: len(table()) == 2 and sent(changed) == table(), STARTS_S)
        feed(log_line(50))
        assert wait_until(lambda: len(sent(closed)) == 2, STARTS_S)
    finally:
        first.kill()
    feed(log_line(3), log_line(55), log_line(200))  # the first of these is late
    second = DriverProcess(home, spec, epoch=2, kafka=address)
    try:
        assert wait_until(lambda: len(table()) == 4, STARTS_S)
        beat = second.heartbeat()
        assert beat is not None and beat.metrics is not None
        # The last of it, what its state holds, is told by Spark after the batch.
        assert wait_until(lambda: names_of(scrape(beat.metrics or "")) == catalogued(Scope.DRIVER), STARTS_S)
        samples = scrape(beat.metrics)
        assert value(samples, "tideline_driver_epoch", stream=name) == 2
        assert value(samples, "tideline_records_total") == 3
        assert value(samples, "tideline_late_events_total") == 1
        assert value(samples, "tideline_backlog_offsets", partition="0") == 0
        assert values(samples, "tideline_part_failing", part=f"sink kafka {changed}: counts") == [0]
        with logged_as_a_task(home):
            reconcile_stream(home, address, name)
        start = "1970-01-01T00:00:00Z"
        assert wait_until(lambda: (compacted(address, closed).get((start, "a")) or {}).get("revision") == 1, STARTS_S)
        assert second.stop() == 0
        method, path, _ = gateway.all()[-1]
        assert (method, path) == ("DELETE", f"/metrics/job/spark_streaming/stream/{name}")
    finally:
        second.close()
    assert table() == sent(changed)
    still_open = {("1970-01-01T00:03:20Z", "a")}
    assert sent(closed) == {key: count for key, count in table().items() if key not in still_open}
    keys = [(record.key, record.value) for record in messages(address, closed)]
    assert len(keys) == len(set(keys)) == 4  # three windows that closed, and the one that was corrected
    assert "counts (complete): 4 rows" in second.log.read_text()
    late = read_late_events(tables)
    assert late is not None and late["offset"].to_pylist() == [4]
    passed_on = messages(address, on_time)
    assert [dict(record.headers)["offset"] for record in passed_on] == [b"0", b"1", b"3", b"5", b"6"]
    assert all(record.key == record.value[:4] and dict(record.headers)["tag"] == b"sent" for record in passed_on)
    assert said_without_json(second.log, About(name, 1, 2)) == set()
    (late_batch,) = (row.batch for row in read_ledger(tables) if row.late_events)
    told = told_of_batch(home, name, late_batch, second.log)
    assert [words for words in told if "passed on" not in words] == [
        f"batch {late_batch} is committed",
        f"batch {late_batch} is published",
        f"batch {late_batch} of generation 1: its corrections are written",
        f"batch {late_batch} of generation 1: its corrections are published",
    ]
    assert f"batch {late_batch}: 2 events on time passed on to {on_time}" in told


@contextmanager
def logged_as_a_task(home: Home) -> Iterator[None]:
    """What the block logs is in a file where a task of Airflow's would have it."""
    file = task_folder(home) / "dag_id=reconcile_late_data" / "run_id=r" / "task_id=reconcile" / "attempt=1.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    core = logging.getLogger("tideline")
    with file.open("wb") as out:
        handler = LineHandler(out.fileno())
        handler.setFormatter(JsonLines())
        before = core.level
        core.addHandler(handler)
        core.setLevel(logging.INFO)
        try:
            yield
        finally:
            core.removeHandler(handler)
            core.setLevel(before)


def said_without_json(log: Path, driver: About) -> set[str]:
    """What is no JSON of this driver's, from its session's beginning on; a console's tables are printed as they are."""
    entries = list(driver_entries(log))[::-1]
    logged = list(dropwhile(lambda entry: entry.logger != "org.apache.spark.SparkConf", entries))
    assert {entry.logger.partition(".")[0] for entry in logged} >= {"org", "tideline_spark"}
    others = [each for each in logged if each.level == RAW or replace(each.about, batch=None) != driver]
    return {each.message for each in others if not each.message.startswith(CONSOLE)}


def told_of_batch(home: Home, name: str, batch: int, log: Path) -> list[str]:
    """What one search finds of a batch of generation 1, its JVM's lines aside and up to the counts."""
    home.stream(name).log.symlink_to(log)
    found = find(home, [], Wanted(name, 1, batch), None)
    told = [entry.message for entry in found if entry.logger.startswith("tideline")]
    return [re.sub(r"(committed|published|written): .*", r"\1", words) for words in told]


def test_a_sink_that_is_refused_stops_nothing_and_makes_up_for_it(platform: Platform, tmp_path: Path) -> None:
    address, home = platform.settings.kafka, Home(platform.home.root)
    name = f"refused-{abs(hash(tmp_path))}"
    strict, well = f"{name}-strict", f"{name}-well"
    spec = {
        "name": name,
        "source": {"topic": name},
        "watermark": "10 seconds",
        "trigger": "500 ms",
        "metrics": {"counts": {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}},
        "sinks": [{"to": "kafka", "topic": strict}, {"to": "kafka", "topic": well}],
    }
    for topic in (name, strict, well):
        ensure_topic(address, topic, 1)
    set_topic(address, strict, {"max.message.bytes": "128"})

    def counts(topic: str) -> list[int]:
        return [json.loads(record.value)["request_count"] for record in messages(address, topic)]

    def troubles() -> list[str]:
        beat = driver.heartbeat()
        return [each["part"] for each in beat.troubles] if beat else []

    driver = DriverProcess(home, spec, kafka=address)
    try:
        with Sender(address, name, 1) as sender:
            sender.send(log_line(1))
        assert wait_until(lambda: counts(well) == [1], STARTS_S)
        assert wait_until(lambda: troubles() == [f"sink kafka {strict}: counts"], STARTS_S)
        with Sender(address, name, 1) as sender:
            sender.send(log_line(2))
        assert wait_until(lambda: counts(well) == [1, 2], STARTS_S)
        assert counts(strict) == []
        set_topic(address, strict, {"max.message.bytes": "1000000"})
        assert wait_until(lambda: troubles() == [] and counts(strict) == [2], STARTS_S)
        assert driver.stop() == 0
    finally:
        driver.close()
    assert counts(well) == [1, 2]
