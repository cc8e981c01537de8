"""How the topics that are declared differ from those there are, and what may be done about it: nothing is ever lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tideline.durations import format_duration

if TYPE_CHECKING:
    from tideline.spec.kafka import Topic

_UNLIMITED: Final = -1
_FEWER: Final = "Kafka takes no partition away: declare as many as there are, or use another topic"
_SHORTER: Final = "a shorter retention removes records: set it by Kafka's own tools if that is meant"
_POLICY: Final = "another policy removes records: set it by Kafka's own tools if that is meant"
_REPLICAS: Final = "replicas are moved by Kafka's own tools"


class Act(StrEnum):
    """What is done about a difference; LEAVE where a person must."""

    MAKE = "make"
    GROW = "grow"
    KEEP_LONGER = "keep longer"
    LEAVE = "leave"


@dataclass(frozen=True)
class TopicThere:
    """A topic as the broker has it; no retention is -1."""

    partitions: int
    replication: int
    retention_ms: int
    cleanup_policy: str


@dataclass(frozen=True)
class Difference:
    """One difference of a topic; `why` says why it is left."""

    topic: str
    what: str
    declared: str
    there: str
    act: Act
    why: str = ""


def differences(declared: Mapping[str, Topic], there: Mapping[str, TopicThere]) -> list[Difference]:
    """All of them, topic by topic; topics that are not declared are nobody's business here."""
    return [found for name, topic in sorted(declared.items()) for found in _of_topic(name, topic, there.get(name))]


def _of_topic(name: str, topic: Topic, there: TopicThere | None) -> Iterator[Difference]:
    if there is None:
        yield Difference(name, "topic", f"{topic.partitions} partitions", "none", Act.MAKE)
        return
    if topic.partitions != there.partitions:
        grows = topic.partitions > there.partitions
        act, why = (Act.GROW, "") if grows else (Act.LEAVE, _FEWER)
        yield Difference(name, "partitions", str(topic.partitions), str(there.partitions), act, why)
    if topic.retention is not None and topic.retention != there.retention_ms:
        shown = (retention_text(topic.retention), retention_text(there.retention_ms))
        act, why = (Act.KEEP_LONGER, "") if _is_longer(topic.retention, there.retention_ms) else (Act.LEAVE, _SHORTER)
        yield Difference(name, "retention", *shown, act, why)
    if topic.cleanup_policy is not None and _words(topic.cleanup_policy) != _words(there.cleanup_policy):
        yield Difference(name, "policy", topic.cleanup_policy, there.cleanup_policy, Act.LEAVE, _POLICY)
    if topic.replication is not None and topic.replication != there.replication:
        yield Difference(name, "replication", str(topic.replication), str(there.replication), Act.LEAVE, _REPLICAS)


def retention_text(milliseconds: int) -> str:
    return "forever" if milliseconds == _UNLIMITED else format_duration(milliseconds)


def _is_longer(declared: int, there: int) -> bool:
    return there != _UNLIMITED and (declared == _UNLIMITED or declared > there)


def _words(policy: str) -> frozenset[str]:
    return frozenset(policy.split(","))
