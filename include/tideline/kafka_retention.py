"""What a topic keeps, and how old what is needed of it is: asked of the broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from tideline.kafka_client import admin
from tideline.kafka_io import earliest_offsets, end_offsets, read_ranges
from tideline.offset_ranges import OffsetRanges
from tideline.retention import PartitionLog, TopicRetention

LOOKED_AT: Final = 50
RANGES: Final = 20
"""Offsets looked at from the start of a needed range on, and ranges looked at of a partition: a seek costs 20 ms."""
_KEYS: Final = ("cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type")


def topic_retention(bootstrap: str, topic: str) -> TopicRetention:
    """The topic's limits as they hold now, its own or the broker's."""
    with admin(bootstrap) as client:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, list(_KEYS))
        found = client.describe_configs([resource], config_filter="all")["topic"][topic]
    values = {key: str(found[key]["value"]) for key in _KEYS}
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


def partition_logs(bootstrap: str, topic: str) -> dict[int, PartitionLog]:
    """The partitions as the broker has them; nothing of their records is read."""
    first, last, sizes = earliest_offsets(bootstrap, topic), end_offsets(bootstrap, topic), _sizes(bootstrap, topic)
    return {partition: PartitionLog(first[partition], end, sizes.get(partition)) for partition, end in last.items()}


def _sizes(bootstrap: str, topic: str) -> dict[int, int]:
    """Bytes by partition, the largest replica's; none where the broker does not tell."""
    try:
        with admin(bootstrap) as client:
            answers = client.describe_log_dirs([topic])
    except KafkaError:
        return {}
    found: dict[int, int] = {}
    for each in _partitions(answers, topic):
        number, size = each["partition_index"], each["partition_size"]
        found[number] = max(size, found.get(number, 0))
    return found


def _partitions(answers: Iterable[Mapping[str, Any]], topic: str) -> Iterable[Mapping[str, Any]]:
    for answer in answers:
        for folder in answer["log_dirs"]:
            for named in folder["topics"]:
                if named["name"] == topic:
                    yield from named["partitions"]


def oldest_timestamps(bootstrap: str, topic: str, needed: OffsetRanges) -> dict[int, int]:
    """The least record timestamp (ms) by partition near the starts of the needed ranges, which must be in the log.

    Only the starts are looked at: the lowest offsets go first. Aborted records count as well, since a transaction that
    is open must not hold this up.
    """
    starts = {
        partition: [(start, min(start + LOOKED_AT, end)) for start, end in ranges[:RANGES]]
        for partition, ranges in needed.items()
    }
    oldest: dict[int, int] = {}
    for records in read_ranges(bootstrap, topic, starts, isolation="read_uncommitted"):
        least = records.group_by("partition").aggregate([("timestamp", "min")])
        stamps = pc.cast(least["timestamp_min"], pa.int64()).to_pylist()
        for partition, stamp in zip(least["partition"].to_pylist(), stamps, strict=True):
            oldest[partition] = min(stamp // 1000, oldest.get(partition, stamp // 1000))
    return oldest
