"""Records and how far their source was read, in one Kafka transaction: sent whole and once, whoever is killed when.

The cursor is a consumer group's offset, which a transaction commits with its records. A sender of the same name that
is started later fences an earlier one: what that had begun is aborted, and it can send nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self

from kafka import KafkaProducer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError, KafkaError, ProducerFencedError
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

from tideline.errors import UserError
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import CONNECT_MS, admin, reached

LARGEST: Final = 1_000_000
"""Bytes of a record that every broker takes by default, with room to spare; a longer one is not sent."""

_COORDINATOR_S: Final = 30.0
_BLOCK_MS: Final = 20_000
"""How long to wait for a topic's partitions, or for what an earlier sender left open to be aborted."""
_FETCH_S: Final = 0.2


class Fenced(Exception):
    """Another sender of this name was started later."""


class SendRefused(UserError):
    """The broker did not take a transaction."""


class Record(NamedTuple):
    """What is sent: a partition is chosen by the key where none is named; a null value deletes the key's record."""

    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of value, key and headers."""
        told = sum(len(name) + len(text or b"") for name, text in self.headers)
        return len(self.value or b"") + len(self.key or b"") + told


class Cursor(NamedTuple):
    """How far a source was read: a number that only grows, and what must be known to go on from it."""

    position: int
    note: str = ""


class Sends(Protocol):
    """What outlets ask of a sender; see `TransactionalSender`."""

    @property
    def session(self) -> int: ...

    def cursor(self, group: str, topic: str) -> Cursor | None: ...

    def send(self, topic: str, records: Iterable[Record], group: str, cursor: Cursor) -> int: ...

    def partitions(self, topic: str) -> int: ...


class TransactionalSender:
    """Sends to any topics; one transaction at a time. `name` is the transactional id.

    A transaction that is left open by a killed sender is aborted by the next one, or after `timeout_ms` by the broker:
    until then readers of the topic that read committed records wait.
    """

    def __init__(self, kafka: KafkaAccess, name: str, timeout_ms: int) -> None:
        self._kafka = kafka
        self._name = name
        self._timeout_ms = timeout_ms
        self._sessions = 1
        self._moved: dict[tuple[str, str], Cursor] = {}
        self._producer: Any = self._connect()

    def _connect(self) -> Any:
        with reached(self._kafka):
            producer = KafkaProducer(
                **self._kafka.client(),
                bootstrap_timeout_ms=CONNECT_MS,
                transactional_id=self._name,
                transaction_timeout_ms=self._timeout_ms,
                max_block_ms=_BLOCK_MS,
                max_request_size=2 * LARGEST,
                linger_ms=20,
                batch_size=64 << 10,
            )
        producer.init_transactions()
        return producer

    @property
    def session(self) -> int:
        """The number of the connection. A transaction that fails ends it, and whoever asks for this begins the next:
        in between another sender may have moved the cursors."""
        if self._producer is None:
            self._producer = self._connect()
            self._sessions += 1
            self._moved.clear()
        return self._sessions

    def cursor(self, group: str, topic: str) -> Cursor | None:
        """The cursor of the last transaction of this group; None before the first.

        It is this sender's own, or an earlier one's: since this session began, no other can move it. Its own is not
        asked for: a broker takes note of a group's offset some time after it has said that it was committed.
        """
        if (group, topic) in self._moved:
            return self._moved[group, topic]
        at = TopicPartition(topic, 0)
        deadline = time.monotonic() + _COORDINATOR_S
        while True:
            try:
                with admin(self._kafka) as client:
                    found = client.list_group_offsets({group: [at]})[group].get(at)
                return None if found is None or found.offset < 0 else Cursor(found.offset, found.metadata or "")
            except CoordinatorNotAvailableError:  # a broker makes its topic of offsets when it is first asked
                if time.monotonic() > deadline:
                    raise
                time.sleep(_FETCH_S)

    def send(self, topic: str, records: Iterable[Record], group: str, cursor: Cursor) -> int:
        """Sends the records and moves the cursor, both or neither; returns how many.

        Fenced if a later sender has this one's name, SendRefused for all else that the broker does not take; the
        session has ended then.
        """
        if self._producer is None:
            raise SendRefused(f"the connection to {self._kafka} has ended", "ask for the session and the cursor first")
        try:
            self._producer.begin_transaction()
            sent = [
                self._producer.send(
                    topic, value=each.value, key=each.key, partition=each.partition, headers=list(each.headers)
                )
                for each in records
            ]
            self._producer.flush()
            for future in sent:
                future.get(0)  # a commit does not tell of each
            where = {TopicPartition(topic, 0): OffsetAndMetadata(cursor.position, cursor.note, -1)}
            self._producer.send_offsets_to_transaction(where, ConsumerGroupMetadata(group, -1, "", None))
            self._producer.commit_transaction()
            self._moved[group, topic] = cursor
        except ProducerFencedError as error:
            self.close()
            raise Fenced(
                f"a transaction to '{topic}' was fenced: another sender named {self._name} was started, or it took"
                f" longer than {self._timeout_ms // 1000} s"
            ) from error
        except KafkaError as error:
            self.close()
            raise SendRefused(
                f"the broker at {self._kafka} did not take a transaction to topic '{topic}': {error}",
                "look at its log, and at the topic's settings",
            ) from error
        except BaseException:
            self.close()
            raise
        return len(sent)

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return len(self._producer.partitions_for(topic) or ())

    def close(self) -> None:
        """Ends the session."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
