"""A stream without a driver: its records are in the broker, its batches in its tables, recorded when a test says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from support.records import small_spec
from tideline.bench.player import Player
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.keeper.lifecycle import Desired
from tideline.ledger import Books, LedgerRow, keep_books
from tideline.produce.sender import Sender, send_lines
from tideline.registry.requests import Request
from tideline.registry.store import Registry
from tideline.tables.books import read_corrected, read_ledger


@dataclass
class _Player(Player):
    """Of a topic that a broker has; the next batch is recorded at `at_ms`."""

    topic_id: str = ""
    at_ms: int = 0

    def _ledger_row(self, starts: dict[int, int], panes: pa.Table) -> LedgerRow:
        row = super()._ledger_row(starts, panes)
        return replace(row, topic_id=self.topic_id, batch_at_ms=self.at_ms)


class Recorded:
    """A small stream of a topic with one partition; the registry knows it as one that was stopped."""

    def __init__(self, home: Home, kafka: KafkaAccess, registry: Registry, name: str) -> None:
        spec = small_spec()
        spec = spec.model_copy(update={"name": name, "source": spec.source.model_copy(update={"topic": name})})
        text = spec.model_dump_json(exclude_none=True)
        home.stream(name).root.mkdir(parents=True)
        home.stream(name).spec.write_text(text)
        registry.request(Request(name, Desired.STOPPED, "someone", text, spec.fingerprint()))
        registry.raise_epoch(name, 0)
        self._kafka, self._topic = kafka, name
        self._player = _Player(home.tables(name), spec)

    def record(self, at: datetime, *values: bytes) -> None:
        """A batch of these values, which the broker has then."""
        with Sender(self._kafka, self._topic, partitions=1) as sender:
            send_lines(sender, values)
        self._player.topic_id, self._player.at_ms = sender.topic_id, round(at.timestamp() * 1000)
        self._player.play(*values)

    @property
    def books(self) -> Books:
        tables = self._player.tables
        return keep_books(self._player.eras, read_ledger(tables), read_corrected(tables))
