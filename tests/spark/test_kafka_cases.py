"""Late cases 18 to 22 on a real broker and Spark: transactions, partitions, retention, topics made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from support.kafka_acts import add_partitions, remove_before, send_recorded_at, set_topic, transactions
from support.platform import Platform
from support.records import log_line, small_spec
from support.stream_run import StreamRun, new_run
from tideline.clock import now_ms
from tideline.generations import only_era
from tideline.isolation import Isolation, IsolationDiffers, isolation_of
from tideline.kafka_io import ReadStalled, delete_topic, end_offsets, ensure_topic, read_ranges
from tideline.keeper.epochs import create_epoch
from tideline.ledger import TopicChanged
from tideline.produce.sender import Sender
from tideline.retention import Level
from tideline.retention_report import stream_retention
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_ledger
from tideline.tables.published import read_published
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.unchecked import unchecked
from tideline.unrecoverable import holding_windows
from tideline_spark.begin_stream import begin_stream
from tideline_spark.driver import main
from tideline_spark.exits import Exit, exit_code

Start = Callable[[StreamSpec], StreamRun]
DAY_MS = 86_400_000
S = 1_000_000


@pytest.fixture
def start(spark: SparkSession, platform: Platform, tmp_path: Path) -> Start:
    return lambda spec: new_run(spark, platform, tmp_path, spec)


def spec_with(isolation: Isolation) -> StreamSpec:
    spec = small_spec()
    return spec.model_copy(update={"source": spec.source.model_copy(update={"isolation": isolation})})


def counts(run: StreamRun) -> dict[tuple[int, str], tuple[int, int]]:
    """(window start in s, service) -> (count, revision)."""
    table = read_published(run.tables.published("counts"))
    assert table is not None
    return {
        (round(row["window_start"].timestamp()), row["service"]): (row["request_count"], row["revision"])
        for row in table.to_pylist()
    }


def values_of(tables: list[pa.Table]) -> list[bytes]:
    return [value for table in tables for value in table["value"].to_pylist()]


def tideline_retention(platform: Platform, run: StreamRun) -> tuple[int, dict[str, Any]]:
    """The exit code and the object that the command prints."""
    port = str(platform.settings.ports.broker)
    done = platform.run(
        "retention", run.spec.name, "--json", TIDELINE_HOME=str(run.home.root), TIDELINE_BROKER_PORT=port
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("isolation", "seen"), [("read_committed", 3), ("read_uncommitted", 6)])
def test_case_18_aborted_records_are_recovered_only_when_the_stream_reads_them(
    start: Start, isolation: Isolation, seen: int
) -> None:
    run = start(spec_with(isolation))
    with run.driver() as query, transactions(run.kafka, run.spec.source.topic) as producer:
        run.feed(query, log_line(5), log_line(100))
        producer.commit(log_line(7), log_line(7))
        producer.abort(log_line(8), log_line(8), log_line(8))
        producer.commit(log_line(15))
        query.processAllAvailable()
    assert run.verify().books.late == seen
    assert run.reconcile().records_read == seen
    assert {at: count for (at, _), (count, _) in counts(run).items()} == {0: seen, 10: 1, 100: 1}
    ledger, report = read_ledger(run.tables), run.verify()
    assert report.holds and report.books.corrected == seen
    assert {isolation_of(row) for row in ledger} == {isolation}
    # The log ends at 11: two records, then three transactions of 2, 3 and 1 with a marker each.
    assert (sum(row.rows for row in ledger), ledger[-1].ranges[0].end) == (2 + seen, 11)


def test_case_18_a_reader_of_another_level_than_the_stream_is_refused(start: Start) -> None:
    run = start(spec_with("read_uncommitted"))
    with run.driver() as query:
        run.feed(query, log_line(5))
    source = run.spec.source.model_copy(update={"isolation": "read_committed"})
    other = run.spec.model_copy(update={"source": source})
    run.home.stream(run.spec.name).spec.write_text(other.model_dump_json(exclude_none=True))
    last = read_ledger(run.tables)[-1].batch  # 0, or 1 where the query was quicker than the record
    words = f"batch {last} was read with read_uncommitted, the spec says read_committed"
    for act in (run.reconcile, run.verify):
        with pytest.raises(IsolationDiffers, match=words):
            act()


def test_case_18_an_open_transaction_ends_a_read_in_time_and_does_not_hold_the_stream(start: Start) -> None:
    run = start(small_spec())
    topic = run.spec.source.topic
    with run.driver() as query, transactions(run.kafka, topic) as producer:
        run.feed(query, log_line(5), log_line(100))
        run.feed(query, log_line(7))
        last = producer.leave_open(log_line(8))
        run.feed(query, log_line(9))
        with pytest.raises(ReadStalled, match="partition 0 at 3 of 5") as stalled:
            list(read_ranges(run.kafka, topic, {0: [(2, 5)]}, isolation="read_committed", stall_s=1))
        assert "transaction open" in stalled.value.fix
        waiting = read_ranges(run.kafka, topic, {0: [(2, 5)]}, isolation="read_uncommitted", stall_s=1)
        assert values_of(list(waiting)) == [log_line(7), log_line(8), log_line(9)]
        assert run.reconcile().corrections == 1 and run.verify().holds
        producer.producer.commit_transaction()
        producer.wait_over(last)
        query.processAllAvailable()
    run.reconcile()
    assert run.verify().holds and counts(run)[0, "a"][0] == 4


def test_case_19_a_partition_added_while_running_is_read_from_its_start(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(100))
        add_partitions(run.kafka, run.spec.source.topic, 2)
        run.feed(query, *(log_line(t, service) for t in (6, 7, 110) for service in "ab"))
        run.feed(query, *(log_line(t, service) for t in (8, 15, 120) for service in "ab"))
    ranges = [part for row in read_ledger(run.tables) for part in row.ranges if part.partition == 1]
    assert (ranges[0].start, ranges[-1].end, sum(part.rows for part in ranges)) == (0, 6, 6)
    assert run.reconcile().late_events == 8
    assert run.verify().holds
    assert counts(run)[0, "b"][0] == 3


def test_case_19_a_partition_added_between_the_cut_and_the_first_batch_is_read_too(start: Start) -> None:
    run = start(small_spec())
    begin_stream(run.home, run.spec, run.generation, run.kafka, run.topic_id)  # by a driver that got no further
    add_partitions(run.kafka, run.spec.source.topic, 2)
    with run.driver() as query:
        run.feed(query, *(log_line(t, service) for t in (5, 6) for service in "ab"))
    ranges = [part for row in read_ledger(run.tables) for part in row.ranges]
    assert [sum(part.rows for part in ranges if part.partition == number) for number in (0, 1)] == [2, 2]
    assert run.verify().holds


def with_two_late_windows(start: Start) -> StreamRun:
    """Batch by batch: 5 and 100; late 7 and 6 in [0, 10) at offsets 2 and 5, late 15 and 25 at 3 and 4; late 8 at 6."""
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(100))
        run.feed(query, log_line(7), log_line(15), log_line(25, "b"), log_line(6, "b"))
        run.feed(query, log_line(8))
    return run


def test_case_20_windows_whose_offsets_are_gone_are_named_and_the_others_corrected(
    start: Start, platform: Platform
) -> None:
    run = with_two_late_windows(start)
    remove_before(run.kafka, run.spec.source.topic, 3)
    code, shown = tideline_retention(platform, run)
    assert (code, shown["partitions"][0]["level"], shown["partitions"][0]["missing"]) == (1, "gone", [[2, 3]])
    result = run.reconcile()
    assert (result.records_read, result.corrections, result.unrecoverable) == (3, 3, 1)
    mark = read_unrecoverable(run.tables)[0]
    assert (mark.window, mark.partition, mark.start, mark.end, mark.events) == (("counts", 10 * S), 0, 2, 3, 2)
    # [0, 10) keeps what its other batches say: 5 on time and the late 8, and nothing of the batch that lost 7.
    assert counts(run) == {(0, "a"): (2, 1), (10, "a"): (1, 1), (20, "b"): (1, 1), (100, "a"): (1, 0)}
    assert run.reconcile().batches == 0
    code, shown = tideline_retention(platform, run)
    assert (code, shown["unrecoverable"]) == (0, {"windows": 1, "events": 2})


def test_case_20_windows_that_can_no_longer_be_checked_are_known(start: Start) -> None:
    run = with_two_late_windows(start)
    remove_before(run.kafka, run.spec.source.topic, 4)
    found = unchecked(read_ledger(run.tables), {0: 4}, holding_windows(only_era(run.spec)))
    assert found.windows == {("counts", end * S) for end in (10, 20, 110)}


def test_case_20_records_removed_before_the_stream_read_them_stop_it(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(5))
    with Sender(run.kafka, run.spec.source.topic) as sender:
        for at in (6, 7, 8):
            sender.send(log_line(at))
    remove_before(run.kafka, run.spec.source.topic, 3)
    verdict = stream_retention(run.home, run.kafka, run.spec.name).guard.verdicts[0]
    assert (verdict.level, verdict.missing) == (Level.GONE, ((1, 3),))
    with run.driver() as query, pytest.raises(StreamingQueryException) as failed:
        query.processAllAvailable()
    assert exit_code(failed.value) is Exit.STATE


def made_again(run: StreamRun, *values: bytes) -> str:
    """The same name, another topic; returns its id."""
    delete_topic(run.kafka, run.spec.source.topic)
    ensure_topic(run.kafka, run.spec.source.topic, 1)
    with Sender(run.kafka, run.spec.source.topic) as sender:
        for value in values:
            sender.send(value)
    return sender.topic_id


@pytest.mark.parametrize("records", [1, 5], ids=["shorter", "longer"])
def test_case_21_a_topic_made_again_is_found_by_its_id(start: Start, records: int) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(6), log_line(100))
    assert made_again(run, *(log_line(7) for _ in range(records))) != run.topic_id
    assert end_offsets(run.kafka, run.spec.source.topic) == {0: records}
    for act in (run.reconcile, run.verify):
        with pytest.raises(TopicChanged, match="was made again"):
            act()
    create_epoch(run.home.stream(run.spec.name).epochs, 1, {})
    submit = {"stream": run.spec.name, "home": str(run.home.root), "epoch": "1", "generation": "1", "tag": "t"}
    run.kafka.save(run.home.stream(run.spec.name).kafka)
    words = [word for name, value in submit.items() for word in (f"--{name}", value)]
    assert main(words) == Exit.STATE


def test_case_21_what_a_batch_noticed_is_told_by_the_exit_code() -> None:
    noticed = StreamingQueryException("[STREAM_FAILED] ...\ntideline.ledger.TopicChanged: topic 't' was made again")
    assert exit_code(noticed) is Exit.STATE


def test_case_21_a_shorter_topic_fails_the_query_itself(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(6), log_line(100))
    made_again(run, log_line(7))
    with run.driver() as query, pytest.raises(StreamingQueryException) as failed:
        query.processAllAvailable()
    assert exit_code(failed.value) is Exit.STATE


def test_case_22_a_backdated_record_is_at_risk_at_once_and_fine_when_corrected(
    start: Start, platform: Platform
) -> None:
    run = start(small_spec())
    topic = run.spec.source.topic
    set_topic(run.kafka, topic, {"retention.ms": str(7 * DAY_MS)})
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(100))  # fresh records keep the broker from removing their segment
        send_recorded_at(run.kafka, topic, now_ms() - 30 * DAY_MS, log_line(7))
        query.processAllAvailable()
    code, shown = tideline_retention(platform, run)
    found = shown["partitions"][0]
    assert (code, shown["retention_ms"], shown["timestamp_type"]) == (0, 7 * DAY_MS, "CreateTime")
    assert (found["level"], found["needed"]) == ("page", 2)
    assert found["reason"] == "the oldest record needed is 30 days old, kept are 7 days"
    said: list[str] = []
    run.reconcile(said.append)
    assert f"partition 0 is about to lose records: {found['reason']}" in said
    assert tideline_retention(platform, run)[1]["partitions"][0]["level"] == "fine"
    assert run.verify().holds
