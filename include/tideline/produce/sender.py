"""Sends records to a topic, partition after partition in turn, and knows that they arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from tideline.errors import UserError
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import CONNECT_MS, reached
from tideline.kafka_io import TopicMissing, ensure_topic
from tideline.produce.lines import FileSource
from tideline.produce.pace import evenly, paced
from tideline.produce.traffic import TrafficEvent

PARTITIONS = 3
DELIVERY_MS = 60_000

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Produced:
    """What was sent and acknowledged; `held_back` are the records among them that were sent last, to be late."""

    sent: int
    held_back: int = 0
    tags: dict[str, int] = field(default_factory=dict)


class SendFailed(UserError):
    """A record was refused by the broker or did not get there."""


class Sender:
    """Sends to one topic, which is made when it is absent; leaving the `with` block waits for all acknowledgements."""

    def __init__(self, kafka: KafkaAccess, topic: str, partitions: int = PARTITIONS) -> None:
        self.topic_id = ensure_topic(kafka, topic, partitions)
        self.sent = 0
        self._topic, self._kafka = topic, kafka
        self._failure: Exception | None = None
        with reached(kafka):
            self._producer: Any = KafkaProducer(
                **kafka.client(),
                bootstrap_timeout_ms=CONNECT_MS,
                linger_ms=20,
                batch_size=64 << 10,
                delivery_timeout_ms=DELIVERY_MS,
                max_block_ms=DELIVERY_MS,
            )
        self._partitions = self._known_partitions()

    def _known_partitions(self) -> list[int]:
        found = self._producer.partitions_for(self._topic)
        if not found:
            raise TopicMissing(self._topic)
        return sorted(found)

    def send(
        self,
        value: bytes | None,
        tag: str = "",
        partition: int | None = None,
        *,
        key: bytes | None = None,
        reason: str = "",
    ) -> None:
        """Hands one record over: to the partition named, or to that of its key, or else to the next in turn.

        `tag` and `reason` go with it as headers. A failure of an earlier record is raised here or in `flush`.
        """
        self._raise_failure()
        headers = [(name, text.encode()) for name, text in (("tag", tag), ("reason", reason)) if text]
        if partition is None and key is None:
            partition = self._partitions[self.sent % len(self._partitions)]
        # kafka-python sends a null value only with a key; Kafka itself does not mind an empty one.
        key = b"" if value is None and key is None else key
        try:
            future = self._producer.send(self._topic, value=value, key=key, headers=headers, partition=partition)
        except MessageSizeTooLargeError as error:
            size = len(value or b"")
            raise SendFailed(
                f"record {self.sent + 1} is {size:,} bytes, more than a Kafka record may be", "cut the line"
            ) from error
        future.add_errback(self._failed)
        self.sent += 1

    def flush(self) -> None:
        """Waits until every record is acknowledged; SendFailed if one was not."""
        try:
            self._producer.flush(timeout=DELIVERY_MS / 1000)
        except KafkaError as error:
            self._failed(error)
        self._raise_failure()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(flush=kind is None)

    def close(self, *, flush: bool = True) -> None:
        """Waits for the acknowledgements unless told not to, and lets the connection go."""
        try:
            if flush:
                self.flush()
        finally:
            self._producer.close(timeout=None if flush else 1)

    def _failed(self, error: Exception) -> None:
        self._failure = self._failure or error

    def _raise_failure(self) -> None:
        if self._failure:
            raise SendFailed(
                f"the broker at {self._kafka} did not take all records: {self._failure}",
                "look at its log, then at `tideline status`",
            ) from self._failure


def send_lines(sender: Sender, lines: Iterable[bytes], progress: Progress | None = None) -> int:
    """Sends lines as they are and waits for the acknowledgements; returns how many."""
    before = sender.sent
    for line in lines:
        sender.send(line)
        if progress:
            progress(sender.sent)
    sender.flush()
    return sender.sent - before


def send_file(
    kafka: KafkaAccess,
    topic: str,
    path: Path,
    late_every: int | None = None,
    rate: float | None = None,
    progress: Progress | None = None,
    *,
    before_held_back: Callable[[], None] | None = None,
    partitions: int = PARTITIONS,
) -> Produced:
    """Sends every line of a file as one record; held-back lines go last, after `before_held_back` has returned."""
    source = FileSource(path, late_every)
    with Sender(kafka, topic, partitions) as sender:
        on_time = source.on_time()
        send_lines(sender, paced(on_time, evenly(rate)) if rate else on_time, progress)
        held = 0
        if late_every is not None:
            held_back = source.held_back()
            first = next(held_back, None)
            if first is not None:
                if before_held_back:
                    before_held_back()
                lines = chain([first], held_back)
                held = send_lines(sender, paced(lines, evenly(rate)) if rate else lines, progress)
        return Produced(sender.sent, held)


def send_events(sender: Sender, events: Iterable[TrafficEvent], progress: Progress | None = None) -> Produced:
    """Sends traffic with its tags as headers and waits for the acknowledgements."""
    tags: dict[str, int] = {}
    before = sender.sent
    for event in events:
        sender.send(event.value, event.tag, key=event.key, reason=event.reason)
        tags[event.tag] = tags.get(event.tag, 0) + 1
        if progress:
            progress(sender.sent)
    sender.flush()
    return Produced(sender.sent - before, 0, tags)
