"""What a topic keeps, and how old what is needed of it is: asked of the broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError

from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import admin, consumer
from tideline.kafka_io import STALL_S, TopicMissing, offsets_of, require_held, walk
from tideline.offset_ranges import OffsetRanges, merged
from tideline.retention import PartitionLog, TopicRetention

LOOKED_AT: Final = 50
RANGES: Final = 20
"""Offsets looked at from the start of a needed range on, and ranges looked at of a partition: a seek costs 20 ms."""
_KEYS: Final = ("cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type")


@dataclass(frozen=True)
class TopicLog:
    """What a topic keeps, and its partitions as the broker has them; nothing of their records was read."""

    limits: TopicRetention
    partitions: Mapping[int, PartitionLog]


def topic_logs(kafka: KafkaAccess, topics: Iterable[str]) -> dict[str, TopicLog]:
    """Of several topics, asked together; one that is not there is left out."""
    wanted = sorted(topics)
    with admin(kafka) as client:
        first, last = (offsets_of(client, wanted, spec) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST))
        there = [topic for topic in wanted if topic in first and topic in last]
        limits, sizes = _limits(client, there), _sizes(client, there)
    return {
        topic: TopicLog(
            limits[topic],
            {
                partition: PartitionLog(first[topic][partition], end, sizes.get((topic, partition)))
                for partition, end in last[topic].items()
                if partition in first[topic]
            },
        )
        for topic in there
    }


def topic_log(kafka: KafkaAccess, topic: str) -> TopicLog:
    """TopicMissing where there is none."""
    try:
        return topic_logs(kafka, [topic])[topic]
    except KeyError:
        raise TopicMissing(topic) from None


def _limits(client: Any, topics: Sequence[str]) -> dict[str, TopicRetention]:
    """The topics' limits as they hold now, their own or the broker's."""
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, list(_KEYS)) for topic in topics]
    found = client.describe_configs(resources, config_filter="all")["topic"]
    return {topic: _retention({key: str(found[topic][key]["value"]) for key in _KEYS}) for topic in topics}


def _retention(values: Mapping[str, str]) -> TopicRetention:
    deletes, compacts = ("delete" in values["cleanup.policy"], "compact" in values["cleanup.policy"])
    return TopicRetention(
        _limit(values["retention.ms"]) if deletes else None,
        _limit(values["retention.bytes"]) if deletes else None,
        values["message.timestamp.type"],
        compacts,
    )


def _limit(value: str) -> int | None:
    """Kafka writes -1 for no limit."""
    return int(value) if int(value) >= 0 else None


def _sizes(client: Any, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """Bytes by topic and partition, the largest replica's; none where the broker does not tell."""
    try:
        answers = client.describe_log_dirs(list(topics)) if topics else []
    except KafkaError:
        return {}
    found: dict[tuple[str, int], int] = {}
    for topic, each in _partitions(answers):
        place, size = (topic, each["partition_index"]), each["partition_size"]
        found[place] = max(size, found.get(place, 0))
    return found


def _partitions(answers: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for answer in answers:
        for folder in answer["log_dirs"]:
            for named in folder["topics"]:
                for partition in named["partitions"]:
                    yield named["name"], partition


def oldest_timestamps(kafka: KafkaAccess, topic: str, needed: OffsetRanges) -> dict[int, int]:
    """The least record timestamp (ms) by partition near the starts of the needed ranges, which must be in the log.

    Only the starts are looked at: the lowest offsets go first. Aborted records count as well, since a transaction that
    is open must not hold this up.
    """
    if not needed:
        return {}
    require_held(kafka, topic, _starts(needed))
    with consumer(kafka, "read_uncommitted") as client:
        return oldest_by(client, topic, needed)


def oldest_by(client: Any, topic: str, needed: OffsetRanges) -> dict[int, int]:
    """The same by a consumer that is there already: to make one takes longer than to look."""
    oldest: dict[int, int] = {}
    for rows in walk(client, topic, _starts(needed), LOOKED_AT, STALL_S):
        for row in rows:
            oldest[row.partition] = min(row.timestamp, oldest.get(row.partition, row.timestamp))
    return oldest


def _starts(needed: OffsetRanges) -> OffsetRanges:
    return merged(
        {
            partition: [(start, min(start + LOOKED_AT, end)) for start, end in ranges[:RANGES]]
            for partition, ranges in needed.items()
        }
    )
