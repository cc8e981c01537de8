"""Topics and offsets of a broker, and exact reads of offset ranges."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import pyarrow as pa
from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import (
    BrokerResponseError,
    InvalidTopicError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from tideline.errors import UserError
from tideline.isolation import Isolation
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import POLL_RECORDS, admin, consumer
from tideline.offset_ranges import OffsetRanges, Ranges, merged, outside, ranges_text
from tideline.records import RECORDS, WHOLE_RECORDS

STALL_S: Final = 30.0


class TopicMissing(UserError):
    """The broker has no topic of that name."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"there is no topic '{topic}'", f"`tideline produce --topic {topic} ...` makes it")


class OffsetsGone(UserError):
    """Records that are needed are no longer, or not, in the log; `missing` are half-open ranges by partition."""

    def __init__(self, topic: str, missing: dict[int, list[tuple[int, int]]]) -> None:
        self.topic, self.missing = topic, missing
        super().__init__(
            f"topic '{topic}' does not hold these offsets: {ranges_text(missing)}",
            "retention removed them, or the topic was deleted and made again: raise retention.ms for the future",
        )


class ReadStalled(UserError):
    """A read made no progress in time, as when a transaction stays open."""


def ensure_topic(kafka: KafkaAccess, topic: str, partitions: int) -> str:
    """The topic's id; the topic is made unless it is there (its partitions are then left alone)."""
    with admin(kafka) as client:
        try:
            client.create_topics({topic: {"num_partitions": partitions}}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            pass
        except InvalidTopicError as error:
            raise UserError(
                f"'{topic}' is no name for a topic", "write letters, digits, dots, - and _: 249 of them at most"
            ) from error
        return str(_described(client, topic)["topic_id"])


def topic_id(kafka: KafkaAccess, topic: str) -> str:
    """The id Kafka gave the topic when it was made: a topic deleted and made again has another."""
    with admin(kafka) as client:
        return str(_described(client, topic)["topic_id"])


def end_offsets(kafka: KafkaAccess, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition."""
    with admin(kafka) as client:
        return _offsets(client, topic, OffsetSpec.LATEST)


def end_offsets_of(kafka: KafkaAccess, topics: Iterable[str]) -> dict[str, dict[int, int]]:
    """The same of several topics, asked together; one that is not there is left out."""
    with admin(kafka) as client:
        return offsets_of(client, topics, OffsetSpec.LATEST)


def earliest_offsets(kafka: KafkaAccess, topic: str) -> dict[int, int]:
    """The offset of the first record that each partition still holds."""
    with admin(kafka) as client:
        return _offsets(client, topic, OffsetSpec.EARLIEST)


def delete_topic(kafka: KafkaAccess, topic: str) -> None:
    """Deletes a topic and waits until the broker has forgotten it; an absent one is no error."""
    with admin(kafka) as client:
        try:
            client.delete_topics([topic])
            deadline = time.monotonic() + STALL_S
            while _described(client, topic) and time.monotonic() < deadline:
                time.sleep(0.1)
        except (TopicMissing, UnknownTopicOrPartitionError):
            pass


def read_ranges(
    kafka: KafkaAccess,
    topic: str,
    ranges: Ranges,
    max_records: int = 100_000,
    *,
    isolation: Isolation,
    stall_s: float = STALL_S,
    schema: pa.Schema = RECORDS,
) -> Iterator[pa.Table]:
    """The records of half-open offset ranges, in tables (`RECORDS`, or `WHOLE_RECORDS`) of at most `max_records`, in
    order by partition.

    Offsets without a record (control markers, aborted or compacted records) are passed over. OffsetsGone if a range
    reaches out of the log, ReadStalled after `stall_s` seconds without progress.
    """
    wanted = merged(ranges)
    if not wanted:
        return
    require_held(kafka, topic, wanted)
    with consumer(kafka, isolation) as client:
        yield from _tables(walk(client, topic, wanted, max_records, stall_s), max_records, schema)


def require_held(kafka: KafkaAccess, topic: str, ranges: OffsetRanges) -> None:
    """OffsetsGone unless the log still holds all of these ranges."""
    with admin(kafka) as client:
        first, last = (_offsets(client, topic, spec) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST))
    missing = outside(ranges, first, last)
    if missing:
        raise OffsetsGone(topic, missing)


class Row(NamedTuple):
    """A record as a consumer has it; the timestamp in ms."""

    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def walk(
    client: Any, topic: str, ranges: dict[int, list[tuple[int, int]]], at_most: int, stall_s: float
) -> Iterator[list[Row]]:
    """Takes a consumer through the ranges of each partition: seek, poll until the position has passed the end, next.

    Positions, not records, tell how far it is: the last offsets of a range may hold no record.
    """
    left = {TopicPartition(topic, partition): list(parts) for partition, parts in ranges.items()}
    client.assign(list(left))
    client.resume(*left)  # a consumer that has read them before has them paused
    client.partitions_for_topic(topic)  # or the first polls know no leader, and sleep
    for partition, parts in left.items():
        client.seek(partition, parts[0][0])
    deadline = time.monotonic() + stall_s
    while left:
        before = {partition: client.position(partition) for partition in left}
        try:
            polled = client.poll(timeout_ms=500, max_records=min(at_most, POLL_RECORDS))
        except OffsetOutOfRangeError as error:
            raise OffsetsGone(topic, {p.partition: parts for p, parts in left.items()}) from error
        for partition, records in polled.items():
            yield _rows(records, *left[partition][0])
        if any(client.position(partition) != at for partition, at in before.items()):
            deadline = time.monotonic() + stall_s
        elif time.monotonic() > deadline:
            raise _stalled(topic, before, left, stall_s)
        for partition in [p for p, parts in left.items() if client.position(p) >= parts[0][1]]:
            _next_range(client, partition, left)


def _rows(records: Iterable[Any], start: int, end: int) -> list[Row]:
    return [
        Row(r.partition, r.offset, r.timestamp, r.value, r.key, r.headers) for r in records if start <= r.offset < end
    ]


def _next_range(client: Any, partition: TopicPartition, left: dict[TopicPartition, list[tuple[int, int]]]) -> None:
    left[partition].pop(0)
    if left[partition]:
        client.seek(partition, left[partition][0][0])
    else:
        client.pause(partition)
        del left[partition]


def _stalled(
    topic: str, at: Mapping[Any, int], left: Mapping[Any, list[tuple[int, int]]], stall_s: float
) -> ReadStalled:
    where = ", ".join(f"partition {p.partition} at {at[p]} of {left[p][0][1]}" for p in left)
    return ReadStalled(
        f"reading topic '{topic}' made no progress for {stall_s:g} s: {where}",
        "look whether the broker is well, and whether a producer left a transaction open",
    )


def _tables(batches: Iterable[list[Row]], max_records: int, schema: pa.Schema) -> Iterator[pa.Table]:
    rows: list[Row] = []
    for batch in batches:
        rows += batch
        while len(rows) >= max_records:
            yield _table(rows[:max_records], schema)
            rows = rows[max_records:]
    if rows:
        yield _table(rows, schema)


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    partitions, offsets, milliseconds, values, keys, headers = zip(*rows, strict=True)
    stamps = pa.array([ms * 1000 for ms in milliseconds], pa.int64()).cast(RECORDS.field("timestamp").type)
    columns = [pa.array(partitions, pa.int32()), pa.array(offsets, pa.int64()), stamps, pa.array(values, pa.binary())]
    if schema == WHOLE_RECORDS:
        columns += [pa.array(keys, pa.binary()), _header_lists(headers)]
    return pa.Table.from_arrays(columns, schema=schema)


def _header_lists(headers: Iterable[Sequence[tuple[str, bytes | None]]]) -> pa.Array:
    lists = [[{"name": name, "value": value} for name, value in each] for each in headers]
    return pa.array(lists, WHOLE_RECORDS.field("headers").type)


def _described(client: Any, topic: str) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(client.describe_topics([topic])), {})
    if not found.get("partitions"):
        raise TopicMissing(topic)
    return found


def _offsets(client: Any, topic: str, spec: Any) -> dict[int, int]:
    return _listed(client, {topic: _described(client, topic)}, spec)[topic]


def offsets_of(client: Any, topics: Iterable[str], spec: Any) -> dict[str, dict[int, int]]:
    """An offset a partition, by topic. A topic for which the broker refuses an answer is left out, as one that is not
    there."""
    described = {each["name"]: each for each in client.describe_topics(sorted(topics)) if each.get("partitions")}
    try:
        return _listed(client, described, spec)
    except BrokerResponseError:
        found: dict[str, dict[int, int]] = {}
        for topic, each in described.items():
            with suppress(BrokerResponseError):
                found |= _listed(client, {topic: each}, spec)
        return found


def _listed(client: Any, described: Mapping[str, Mapping[str, Any]], spec: Any) -> dict[str, dict[int, int]]:
    wanted = {
        TopicPartition(topic, p["partition_index"]): spec for topic in described for p in described[topic]["partitions"]
    }
    found: dict[str, dict[int, int]] = {topic: {} for topic in described}
    for partition, at in sorted(client.list_partition_offsets(wanted).items()) if wanted else ():
        found[partition.topic][partition.partition] = at.offset
    return found
