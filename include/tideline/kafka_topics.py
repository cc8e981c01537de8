"""The declared topics at the broker: looked at, made, grown, and kept longer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import BrokerResponseError, TopicAlreadyExistsError

from tideline.errors import UserError
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import admin
from tideline.topic_plan import Act, Difference, TopicThere

if TYPE_CHECKING:
    from tideline.spec.kafka import Topic

_RETENTION: Final = "retention.ms"
_POLICY: Final = "cleanup.policy"


def look_at_topics(kafka: KafkaAccess, names: Iterable[str]) -> dict[str, TopicThere]:
    """Those of them that there are."""
    with admin(kafka) as client:
        return _look(client, names)


def make_missing(kafka: KafkaAccess, declared: Mapping[str, Topic]) -> list[str]:
    """Makes those that there are not, and tells which; one that is there stays as it is."""
    if not declared:
        return []
    with admin(kafka) as client:
        there = _look(client, declared)
        return [name for name, topic in declared.items() if name not in there and _make(client, name, topic)]


def apply(kafka: KafkaAccess, declared: Mapping[str, Topic], found: Iterable[Difference]) -> None:
    """Does what may be done about differences; UserError where the broker does not."""
    with admin(kafka) as client:
        for difference in found:
            name, topic = difference.topic, declared[difference.topic]
            if difference.act is Act.MAKE:
                _make(client, name, topic)
            elif difference.act is Act.GROW:
                _grow(client, name, topic.partitions)
            elif difference.act is Act.KEEP_LONGER:
                _keep(client, name, topic)


def _look(client: Any, names: Iterable[str]) -> dict[str, TopicThere]:
    described = {each["name"]: each["partitions"] for each in client.describe_topics(sorted(names))}
    there = {name: partitions for name, partitions in described.items() if partitions}
    if not there:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, [_RETENTION, _POLICY]) for name in there]
    configs = client.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: TopicThere(
            len(partitions),
            len(partitions[0]["replica_nodes"]),
            int(configs[name][_RETENTION]["value"]),
            configs[name][_POLICY]["value"],
        )
        for name, partitions in there.items()
    }


def _make(client: Any, name: str, topic: Topic) -> bool:
    """Whether it was made here, and not by another meanwhile."""
    configs = {} if topic.retention is None else {_RETENTION: str(topic.retention)}
    configs |= {_POLICY: topic.cleanup_policy} if topic.cleanup_policy else {}
    wanted = {"num_partitions": topic.partitions, "replication_factor": topic.replication or -1, "configs": configs}
    try:
        client.create_topics({name: wanted}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return False
    except BrokerResponseError as error:
        raise _refused(f"does not make topic '{name}'", error) from error
    return True


def _grow(client: Any, name: str, partitions: int) -> None:
    try:
        client.create_partitions({name: partitions})
        client.wait_for_topics([name])
    except BrokerResponseError as error:
        raise _refused(f"does not give topic '{name}' {partitions} partitions", error) from error


def _keep(client: Any, name: str, topic: Topic) -> None:
    resource = ConfigResource(ConfigResourceType.TOPIC, name, {_RETENTION: str(topic.retention)})
    answer = client.alter_configs([resource])["topic"][name]
    if isinstance(answer, BrokerResponseError):
        raise _refused(f"does not keep topic '{name}' longer", answer)


def _refused(what: str, error: Exception) -> UserError:
    return UserError(f"the broker {what}: {error}", "mend `topics:` of kafka.yaml, or the broker's settings")
