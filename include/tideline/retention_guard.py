"""Watches that Kafka keeps what a stream still needs; asked before each reconciliation and by `tideline retention`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tideline.clock import now_ms
from tideline.kafka_retention import oldest_timestamps, partition_logs, topic_retention
from tideline.offset_ranges import Ranges, inside
from tideline.retention import Level, TopicRetention, Verdict, judge, needed_ranges


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


def unread(bootstrap: str, topic: str, ends: Mapping[int, int]) -> Verdict | None:
    """The worst verdict on what lies beyond these offsets, the first not read by partition; None if nothing does."""
    found = look(bootstrap, topic, ends, {}).verdicts
    return max(found, key=lambda verdict: verdict.share, default=None)


def look(
    bootstrap: str, topic: str, next_unread: Mapping[int, int], late: Ranges, now: Callable[[], int] = now_ms
) -> Guard:
    """Judges what is needed: the offsets `late` that wait for a correction, and all from the next unread ones on."""
    logs, limits = partition_logs(bootstrap, topic), topic_retention(bootstrap, topic)
    earliest = {partition: log.earliest for partition, log in logs.items()}
    ends = {partition: log.end for partition, log in logs.items()}
    needed = needed_ranges(late, next_unread, logs)
    oldest = oldest_timestamps(bootstrap, topic, inside(needed, earliest, ends))
    seen = {partition: replace(log, oldest_ms=oldest.get(partition)) for partition, log in logs.items()}
    return Guard(limits, earliest, tuple(judge(needed, seen, limits, now())))
