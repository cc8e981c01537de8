"""Asks a broker for the end of one topic now and then, with one connection."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from kafka.admin import OffsetSpec

from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import admin
from tideline.kafka_io import offsets_of


class LogEnds:
    """The end offsets of a topic by partition; whatever it raises, the next time it connects anew."""

    def __init__(self, kafka: KafkaAccess, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._open = ExitStack()
        self._client: Any = None

    def __call__(self) -> Mapping[int, int]:
        try:
            if self._client is None:
                self._client = self._open.enter_context(admin(self._kafka))
            return offsets_of(self._client, [self._topic], OffsetSpec.LATEST)[self._topic]
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        self._client = None
        self._open.close()
