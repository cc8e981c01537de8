"""What the real broker says of a topic's limits, sizes and oldest records."""

from __future__ import annotations

from contextlib import closing

import pytest

from support.kafka_acts import send_recorded_at, set_topic, transactions
from support.platform import Platform
from tideline.clock import now_ms
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import end_offsets_of, ensure_topic
from tideline.kafka_retention import oldest_timestamps, topic_log, topic_logs
from tideline.keeper.broker_witness import BrokerWitness
from tideline.retention import TopicRetention
from tideline.retention_guard import look


@pytest.fixture
def kafka(platform: Platform) -> KafkaAccess:
    return platform.settings.kafka


def test_a_topic_has_the_brokers_limits_or_its_own(kafka: KafkaAccess) -> None:
    ensure_topic(kafka, "limits", 1)
    assert topic_log(kafka, "limits").limits == TopicRetention(None, None, "CreateTime", compacts=False)
    own = {"retention.ms": "1000", "retention.bytes": "5", "message.timestamp.type": "LogAppendTime"}
    set_topic(kafka, "limits", own)
    assert topic_log(kafka, "limits").limits == TopicRetention(1000, 5, "LogAppendTime", compacts=False)
    set_topic(kafka, "limits", {"cleanup.policy": "compact"})
    assert topic_log(kafka, "limits").limits == TopicRetention(None, None, "LogAppendTime", compacts=True)


def test_only_the_time_of_what_is_needed_counts(kafka: KafkaAccess) -> None:
    ensure_topic(kafka, "ages", 2)
    for recorded_ms in (1_000, 5_000, 3_000, 9_000):
        send_recorded_at(kafka, "ages", recorded_ms, b"x" * 100)
    logs = topic_log(kafka, "ages").partitions
    assert [(log.earliest, log.end, (log.size or 0) > 400) for log in logs.values()] == [(0, 4, True), (0, 0, False)]
    assert oldest_timestamps(kafka, "ages", {0: [(1, 4)]}) == {0: 3_000}
    assert oldest_timestamps(kafka, "ages", {0: [(3, 4)]}) == {0: 9_000}
    assert oldest_timestamps(kafka, "ages", {}) == {}


def test_of_several_topics_the_one_that_is_not_there_is_left_out(kafka: KafkaAccess) -> None:
    for topic in ("several-a", "several-b"):
        ensure_topic(kafka, topic, 2)
    send_recorded_at(kafka, "several-b", 1_000, b"x")
    names = ["several-a", "several-b", "several-none"]
    assert end_offsets_of(kafka, names) == {"several-a": {0: 0, 1: 0}, "several-b": {0: 1, 1: 0}}
    assert topic_logs(kafka, names) == {name: topic_log(kafka, name) for name in names[:2]}


def test_one_consumer_looks_at_one_topic_after_the_other(kafka: KafkaAccess) -> None:
    witness, names = BrokerWitness(kafka), ["lag-a", "lag-b"]
    for topic in names:
        ensure_topic(kafka, topic, 1)
        set_topic(kafka, topic, {"retention.ms": "600000"})
        send_recorded_at(kafka, topic, now_ms() - 300_000, b"x")
    witness.expect(names)
    with closing(witness):
        shares = [found.share for name in [*names, names[1]] if (found := witness.unread(name, {0: 0}))]
    assert [0.5 <= share < 0.8 for share in shares] == [True, True, True]


def test_an_open_transaction_does_not_hold_up_the_guard(kafka: KafkaAccess) -> None:
    ensure_topic(kafka, "held", 1)
    before = now_ms()
    with transactions(kafka, "held") as producer:
        producer.leave_open(b"x")
        oldest = oldest_timestamps(kafka, "held", {0: [(0, 1)]})
        assert before <= oldest[0] <= now_ms() < before + 20_000
        producer.producer.abort_transaction()
    assert look(kafka, "held", {}, {}).holds
