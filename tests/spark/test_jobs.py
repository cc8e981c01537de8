"""Streams that run a job of their own: the basics with DStreams beside Structured Streaming, and the example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from deltalake import DeltaTable

from support.drivers import DriverProcess
from support.platform import Platform, new_platform
from support.records import log_line
from support.scraped import catalogued, names_of, scrape, value, values
from tideline.exporter.catalogue import Scope
from tideline.home import PROJECT_SPECS, Home
from tideline.keeper.checkpoint_view import batch_in_flight
from tideline.platform.waiting import wait_until
from tideline.produce.line_server import LineServer
from tideline.produce.sender import Sender
from tideline_spark.exits import Exit

TEXT = [
    b"error in order 7",
    b"user login  user logout",
    b"",
    "order paid and order refund \u00fcber alles".encode(),
    b"\ttimeout failed login",
]
WORDS = Counter(word for line in TEXT for word in line.decode().split())
THRICE = Counter({word: 3 * count for word, count in WORDS.items()})
CATEGORIES = {"people": 5, "trade": 5, "trouble": 3, "other": 5}
STARTS_S = 240.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with new_platform(tmp_path / "home") as platform:
        yield platform.home


@pytest.fixture
def text() -> Iterator[LineServer]:
    with LineServer(lambda: TEXT, "127.0.0.1", 0) as server:
        yield server


def spec_of(name: str, port: int | None = None, **arguments: int) -> dict[str, Any]:
    """A stream of the project, each second and at the test's own port."""
    spec: dict[str, Any] = yaml.safe_load((PROJECT_SPECS / f"{name}.yaml").read_text())
    return spec | {"trigger": "1 second", "arguments": spec["arguments"] | ({"port": port} if port else {}) | arguments}


@contextmanager
def running(*jobs: DriverProcess) -> Iterator[None]:
    try:
        yield
    finally:
        for job in jobs:
            job.close()


def rows(home: Home, stream: str, table: str = "word_counts") -> list[dict[str, Any]]:
    path = home.tables(stream) / table
    return DeltaTable(str(path)).to_pyarrow_table().to_pylist() if DeltaTable.is_deltatable(str(path)) else []


def added_up(found: list[dict[str, Any]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in found:
        total[row["word"]] += row["count"]
    return total


def all_windows(found: list[dict[str, Any]]) -> Counter[str]:
    """The counts of all windows together, of each as told last: a word stands in as many as overlap."""
    last = {(row["at"], row["word"]): row["count"] for row in sorted(found, key=lambda row: row["count"])}
    total: Counter[str] = Counter()
    for (_, word), count in last.items():
        total[word] += count
    return total


def newest(found: list[dict[str, Any]]) -> Counter[str]:
    """The greatest count that was told of each word."""
    total: Counter[str] = Counter()
    for row in found:
        total[row["word"]] = max(total[row["word"]], row["count"])
    return total


@pytest.mark.parametrize(
    ("name", "of_dstreams", "of_structured", "wanted", "arguments"),
    [
        ("word-count", added_up, newest, WORDS, {}),
        ("windowed-count", all_windows, all_windows, THRICE, {"window_seconds": 6, "slide_seconds": 2}),
        ("running-count", newest, newest, WORDS, {}),
        ("enriched-count", added_up, newest, Counter(CATEGORIES), {}),
    ],
)
def test_dstreams_and_structured_streaming_count_the_same(
    home: Home,
    text: LineServer,
    name: str,
    of_dstreams: Any,
    of_structured: Any,
    wanted: Counter[str],
    arguments: dict[str, int],
) -> None:
    both = {f"dstream-{name}": of_dstreams, name: of_structured}
    jobs = [DriverProcess(home, spec_of(stream, text.port, **arguments)) for stream in both]

    def counted() -> bool:
        assert all(job.process.poll() is None for job in jobs), [job.log.read_text()[-3000:] for job in jobs]
        return all(count(rows(home, stream)) == wanted for stream, count in both.items())

    with running(*jobs):
        assert wait_until(counted, STARTS_S), {stream: count(rows(home, stream)) for stream, count in both.items()}
        before = jobs[0].heartbeat()
        assert before is not None
        longer = before.batches + 8  # than the longest window, which the words have left then
        assert wait_until(lambda: (jobs[0].heartbeat() or before).batches >= longer, STARTS_S)
        assert counted(), {stream: count(rows(home, stream)) for stream, count in both.items()}
        beats = [job.heartbeat() for job in jobs]
        assert all(beat is not None and beat.state == "running" and beat.batches for beat in beats)
        urls = [beat.metrics for beat in beats if beat is not None and beat.metrics is not None]

        def told() -> list[bool]:
            """Whether each tells of records; Spark tells of a batch after its rows are written."""
            return [value(scrape(url), "tideline_records_total") > 0 for url in urls]

        assert wait_until(lambda: told() == [True, True], STARTS_S), told()
        assert all(names_of(scrape(url)) <= catalogued(Scope.DRIVER) for url in urls)
        assert [job.stop() for job in jobs] == [Exit.STOPPED, Exit.STOPPED]


@pytest.mark.slow  # two drivers, one after the other
def test_a_killed_running_count_goes_on_from_its_checkpoint(home: Home, text: LineServer) -> None:
    stream = "dstream-running-count"
    spec = spec_of(stream, text.port)
    first = DriverProcess(home, spec)
    with running(first):
        assert wait_until(lambda: newest(rows(home, stream)) == WORDS, STARTS_S), first.log.read_text()[-3000:]
        before = first.heartbeat()
        assert before is not None
        after_a_checkpoint = before.batches + 2
        assert wait_until(lambda: (first.heartbeat() or before).batches >= after_a_checkpoint, STARTS_S)
        first.kill()
    second = DriverProcess(home, spec, epoch=2)
    twice = Counter({word: 2 * count for word, count in WORDS.items()})
    with running(second):  # the server sends it all lines again: they are counted on top
        assert wait_until(lambda: newest(rows(home, stream)) == twice, STARTS_S), second.log.read_text()[-3000:]
        assert second.stop() == Exit.STOPPED


def test_a_superseded_job_ends_and_writes_no_more(platform: Platform, tmp_path: Path) -> None:
    """The example on a real topic: fenced by a newer epoch, which goes on from its checkpoint."""
    topic = "server-errors-test"
    spec = spec_of("server-errors") | {"topic": topic}
    address = platform.settings.kafka
    with new_platform(tmp_path / "home") as place, Sender(address, topic, 1) as sender:
        home = place.home

        def send(first: int) -> None:
            for number in range(first, first + 10):
                sender.send(log_line(number, status_code=500 if number % 2 else 200))
            sender.flush()

        def offsets() -> list[int]:
            return sorted(row["offset"] for row in rows(home, "server-errors", "server_errors"))

        send(0)
        old = DriverProcess(home, spec, kafka=address)
        with running(old):
            assert wait_until(lambda: offsets() == [1, 3, 5, 7, 9], STARTS_S), old.log.read_text()[-3000:]
            ends = {topic: {"0": 10}}
            assert wait_until(lambda: (beat := old.heartbeat()) is not None and beat.ends == ends, STARTS_S)
            beat = old.heartbeat()
            assert beat is not None and beat.metrics is not None
            # Its end is asked for beside the batches, every ten seconds.
            assert wait_until(lambda: values(scrape(beat.metrics or ""), "tideline_backlog_offsets") == [0], STARTS_S)
            told = scrape(beat.metrics)
            assert (value(told, "tideline_records_total"), values(told, "tideline_rejects_total")) == (10, [])
            new = DriverProcess(home, spec, epoch=2, kafka=address)
            with running(new):
                assert old.process.wait(30) == Exit.SUPERSEDED
                send(10)
                assert wait_until(lambda: len(offsets()) == 10, STARTS_S), new.log.read_text()[-3000:]
                assert new.stop() == Exit.STOPPED
        assert offsets() == list(range(1, 20, 2))


READS_NUMBERS = """
from tideline_spark.job import run_job

def main(job):
    records = job.spark.readStream.format("kafka").options(**job.kafka.spark())
    records = records.option("subscribe", job.topic).option("startingOffsets", "earliest").load()

    def read(rows, batch):
        for row in rows.collect():
            int(row.value)

    job.run(records.writeStream.foreachBatch(job.fenced(read)))

run_job(main)
"""


def test_a_driver_that_fails_on_a_record_tells_the_same_each_time(platform: Platform, tmp_path: Path) -> None:
    topic, job, address = "numbers-test", tmp_path / "job.py", platform.settings.kafka
    job.write_text(READS_NUMBERS)
    spec = {"name": "numbers", "entrypoint": str(job), "topic": topic, "trigger": "1 second"}
    with new_platform(tmp_path / "home") as place, Sender(address, topic, 1) as sender:
        for value in (b"1", b"one"):
            sender.send(value)
        sender.flush()
        told = []
        for epoch in (1, 2):
            driver = DriverProcess(place.home, spec, epoch=epoch, kafka=address)
            with running(driver):
                assert driver.process.wait(STARTS_S) == Exit.FAILED, driver.log.read_text()[-3000:]
                told.append(driver.heartbeat())
        first, second = told
        assert first is not None and second is not None
        assert first.exception == "ValueError: invalid literal for int() with base 10: b'one'"
        assert (first.epoch, second.epoch, first.fingerprint) == (1, 2, second.fingerprint)
        assert first.fingerprint
        assert batch_in_flight(place.home.stream("numbers").checkpoint(1), topic) == {0: [(0, 2)]}
