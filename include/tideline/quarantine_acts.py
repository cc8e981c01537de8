"""Puts records on a stream's quarantine list and takes them off, and says which windows that changes."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from tideline.engine.cells import Engine
from tideline.errors import UserError
from tideline.event_windows import Recomputation, recomputation, windows_at
from tideline.generations import Era
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import end_offsets, read_ranges, topic_id
from tideline.ledger import require_same_topic
from tideline.quarantine import NOTHING, Entry, Quarantine, load_entries
from tideline.quarantine_list import (
    added,
    batch_of_record,
    change_list,
    quarantined_later,
    removed,
)
from tideline.rejects import rejected_of
from tideline.stream_books import deployed_spec
from tideline.tables.books import read_eras, read_last_row, read_ledger
from tideline.tables.schemas import StreamTables


@dataclass(frozen=True)
class Effect:
    """What a change asks for: nothing but a restart if no batch has read the record (`read_by` is None)."""

    read_by: int | None
    needs: Recomputation


def put_on_list(home: Home, kafka: KafkaAccess, stream: str, entry: Entry) -> Effect:
    """Lists a record that is in the log; UserError, and no change, if it is not."""
    record = _record(home, kafka, stream, entry.partition, entry.offset)
    change_list(home.stream(stream).quarantine, lambda entries: added(entries, entry))
    return effect_of(home, stream, record)


def take_off_list(home: Home, kafka: KafkaAccess, stream: str, partition: int, offset: int) -> Effect:
    """The mirror image: the record counts again for what it holds."""
    removed(load_entries(home.stream(stream).quarantine), partition, offset)  # refused before Kafka is asked
    record = _record(home, kafka, stream, partition, offset)
    change_list(home.stream(stream).quarantine, lambda entries: removed(entries, partition, offset))
    return effect_of(home, stream, record)


def effect_of(home: Home, stream: str, record: pa.Table) -> Effect:
    """The windows that one record (schema `RECORDS`) belongs to, if a batch has read it: a record that nobody has
    parsed yet is not parsed here either."""
    tables = StreamTables(home.tables(stream))
    eras, ledger = read_eras(tables, deployed_spec(home, stream)), read_ledger(tables)
    batch = batch_of_record(ledger, record["partition"][0].as_py(), record["offset"][0].as_py())
    if batch is None:
        return Effect(None, recomputation(eras, frozenset(), None))
    windows = frozenset(window for era in eras for window in windows_at(era, _event_times(era, record)))
    return Effect(batch.version, recomputation(eras, windows, ledger[-1]))


def _event_times(era: Era, record: pa.Table) -> list[int]:
    engine = Engine(era.spec)
    engine.load(NOTHING.mark(record))
    return [row["_t"] for row in engine.parsed().to_pylist() if row["_reason"] is None]


@dataclass(frozen=True)
class Listed:
    """An entry, and what became of its record: `unread`, `rejected`, or `counted` because it was read before."""

    entry: Entry
    state: str


def listed(home: Home, stream: str) -> list[Listed]:
    """The list in order of partition and offset."""
    entries = load_entries(home.stream(stream).quarantine)
    tables, quarantine = StreamTables(home.tables(stream)), Quarantine.of(entries)
    ledger = read_ledger(tables)  # before the rejects: what they lack of its batches was counted
    rejected = rejected_of(tables, quarantine)
    counted = quarantined_later(quarantine, ledger, rejected)
    states = dict.fromkeys(rejected, "rejected") | dict.fromkeys(counted, "counted")
    return [Listed(entry, states.get((entry.partition, entry.offset), "unread")) for entry in entries]


def _record(home: Home, kafka: KafkaAccess, stream: str, partition: int, offset: int) -> pa.Table:
    """The one record from Kafka; its offset means what the ledger means only while the topic is the same."""
    source = deployed_spec(home, stream).source
    topic = source.topic
    last = read_last_row(StreamTables(home.tables(stream)))
    require_same_topic([last] if last else [], topic_id(kafka, topic))
    ends = end_offsets(kafka, topic)
    if partition not in ends:
        raise UserError(f"topic '{topic}' has no partition {partition}", f"it has {len(ends)}, from 0 on")
    if offset >= ends[partition]:
        raise UserError(
            f"partition {partition} of topic '{topic}' has no record at offset {offset}",
            f"it ends before offset {ends[partition]}",
        )
    one = {partition: [(offset, offset + 1)]}
    for found in read_ranges(kafka, topic, one, isolation=source.isolation):
        return found
    raise UserError(
        f"topic '{topic}' has no record at partition {partition}, offset {offset}",
        "a transaction's marker or an aborted record is there, which no batch reads",
    )
