"""What the keeper asks of Kafka: end offsets, and how near what was not read is to its removal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from tideline.clock import now_ms
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import consumer
from tideline.kafka_io import end_offsets_of
from tideline.kafka_retention import TopicLog, oldest_by, topic_logs
from tideline.keeper.evidence import Unread
from tideline.keeper.together import Together
from tideline.offset_ranges import OffsetRanges
from tideline.retention_guard import unread


class BrokerWitness:
    """One broker, asked once for all topics of a fleet, by one consumer where records are to be looked at."""

    def __init__(self, kafka: KafkaAccess, clock: Callable[[], int] = now_ms) -> None:
        self._kafka = kafka
        self._ends: Together[Mapping[int, int]] = Together(partial(end_offsets_of, kafka), clock)
        self._logs: Together[TopicLog] = Together(partial(topic_logs, kafka), clock)
        self._open = ExitStack()
        self._consumer: Any = None

    def expect(self, topics: Iterable[str]) -> None:
        """These will be looked at together."""
        wanted = frozenset(topics)
        self._ends.expect(wanted)
        self._logs.expect(wanted)

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        return self._ends(topic)

    def unread(self, topic: str, ends: Mapping[int, int]) -> Unread | None:
        """How near what lies beyond these offsets is to its removal."""
        worst = unread(self._logs(topic), ends, partial(self._oldest, topic))
        return Unread(worst.share, worst.reason) if worst else None

    def close(self) -> None:
        self._open.close()
        self._consumer = None

    def _oldest(self, topic: str, needed: OffsetRanges) -> Mapping[int, int]:
        if self._consumer is None:
            self._consumer = self._open.enter_context(consumer(self._kafka, "read_uncommitted"))
        return oldest_by(self._consumer, topic, needed)
