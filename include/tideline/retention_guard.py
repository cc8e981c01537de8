"""Watches that Kafka keeps what a stream still needs; asked before each reconciliation and by `tideline retention`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from tideline.clock import now_ms
from tideline.kafka_access import KafkaAccess
from tideline.kafka_retention import TopicLog, oldest_timestamps, topic_log
from tideline.offset_ranges import OffsetRanges, Ranges, inside
from tideline.retention import Level, PartitionLog, TopicRetention, Verdict, judge, needed_ranges


@dataclass(frozen=True)
class Guard:
    """What a topic keeps, its earliest offsets, and a verdict for each partition."""

    limits: TopicRetention
    earliest: dict[int, int]
    verdicts: tuple[Verdict, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing that is needed is gone."""
        return all(verdict.level is not Level.GONE for verdict in self.verdicts)

    def warnings(self) -> list[str]:
        """A line for each partition that is not fine."""
        return [
            f"partition {verdict.partition} {_SAYS[verdict.level]}: {verdict.reason}"
            for verdict in self.verdicts
            if verdict.level is not Level.FINE
        ]


_SAYS = {Level.WARN: "is at risk", Level.PAGE: "is about to lose records", Level.GONE: "has lost records"}


def unwatched(_: Ranges) -> Guard:
    """For a log that loses nothing."""
    return Guard(TopicRetention(None, None, "CreateTime"), {}, ())


Oldest = Callable[[OffsetRanges], Mapping[int, int]]
"""The least record timestamp (ms) by partition near the starts of ranges of a topic."""


def unread(log: TopicLog, ends: Mapping[int, int], oldest: Oldest, now: Callable[[], int] = now_ms) -> Verdict | None:
    """The worst verdict on what lies beyond these offsets, the first not read by partition; None if nothing does.

    Records are looked at only where their age decides.
    """
    needed = needed_ranges({}, ends, log.partitions)
    decides = log.limits.retention_ms is not None
    found = judge(needed, _with_ages(log, needed, oldest) if decides else log.partitions, log.limits, now())
    return max(found, key=lambda verdict: verdict.share, default=None)


def look(
    kafka: KafkaAccess, topic: str, next_unread: Mapping[int, int], late: Ranges, now: Callable[[], int] = now_ms
) -> Guard:
    """Judges what is needed: the offsets `late` that wait for a correction, and all from the next unread ones on."""
    log = topic_log(kafka, topic)
    needed = needed_ranges(late, next_unread, log.partitions)
    seen = _with_ages(log, needed, partial(oldest_timestamps, kafka, topic))
    earliest = {partition: part.earliest for partition, part in log.partitions.items()}
    return Guard(log.limits, earliest, tuple(judge(needed, seen, log.limits, now())))


def _with_ages(log: TopicLog, needed: OffsetRanges, oldest: Oldest) -> dict[int, PartitionLog]:
    """The partitions with the least timestamp looked at of what is needed and still there."""
    earliest = {partition: part.earliest for partition, part in log.partitions.items()}
    ends = {partition: part.end for partition, part in log.partitions.items()}
    there = inside(needed, earliest, ends)
    ages = oldest(there) if there else {}
    return {partition: replace(part, oldest_ms=ages.get(partition)) for partition, part in log.partitions.items()}
