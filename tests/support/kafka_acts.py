"""What people and brokers do to a topic while a stream runs: transactions, backdating, retention, more partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import admin
from tideline.kafka_io import read_ranges


@dataclass(frozen=True)
class Transactions:
    """A transactional producer of one topic, partition 0."""

    producer: Any
    kafka: KafkaAccess
    topic: str

    def commit(self, *values: bytes) -> None:
        last = self.leave_open(*values)
        self.producer.commit_transaction()
        self.wait_over(last)

    def abort(self, *values: bytes) -> None:
        last = self.leave_open(*values)
        self.producer.abort_transaction()
        self.wait_over(last)

    def leave_open(self, *values: bytes) -> int:
        """All records are in the log when this returns, the last at this offset, and their transaction is not over."""
        self.producer.begin_transaction()
        sent = [self.producer.send(self.topic, value=value, partition=0) for value in values]
        self.producer.flush()
        return int(sent[-1].get(timeout=10).offset)

    def wait_over(self, last: int) -> None:
        """Until readers see it: the broker answers an end of transaction before it has written the marker."""
        list(read_ranges(self.kafka, self.topic, {0: [(last, last + 1)]}, isolation="read_committed"))


@contextmanager
def transactions(kafka: KafkaAccess, topic: str) -> Iterator[Transactions]:
    producer = KafkaProducer(**kafka.client(), transactional_id=f"{topic}-producer")
    producer.init_transactions()
    try:
        yield Transactions(producer, kafka, topic)
    finally:
        producer.close(timeout=5)


def send_recorded_at(kafka: KafkaAccess, topic: str, recorded_ms: int, *values: bytes) -> None:
    """Records that carry this timestamp, as a producer with old input would send them."""
    producer = KafkaProducer(**kafka.client())
    for value in values:
        producer.send(topic, value=value, partition=0, timestamp_ms=recorded_ms)
    producer.flush()
    producer.close()


def set_topic(kafka: KafkaAccess, topic: str, configs: Mapping[str, str]) -> None:
    with admin(kafka) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs))])


def add_partitions(kafka: KafkaAccess, topic: str, count: int) -> None:
    """The topic has `count` partitions from now on."""
    with admin(kafka) as client:
        client.create_partitions({topic: count})
        client.wait_for_topics([topic])


def remove_before(kafka: KafkaAccess, topic: str, offset: int) -> None:
    """Moves partition 0's earliest offset up, as retention does."""
    with admin(kafka) as client:
        client.delete_records({TopicPartition(topic, 0): offset})
