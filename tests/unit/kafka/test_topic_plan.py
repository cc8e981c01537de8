"""What is done about topics that differ: they are made, they grow, they keep longer, and nothing is ever lost."""

from __future__ import annotations

import pytest

from tideline.kafka_file import parse_kafka
from tideline.topic_plan import Act, TopicThere, differences

DAY = 86_400_000
THERE = TopicThere(partitions=3, replication=1, retention_ms=DAY, cleanup_policy="delete")


def acts(text: str, there: TopicThere | None = THERE) -> list[tuple[str, Act]]:
    declared = parse_kafka(f"topics: {{t: {text}}}", "k.yaml").topics
    found = differences(declared, {} if there is None else {"t": there, "another": THERE})
    assert all(bool(each.why) == (each.act is Act.LEAVE) for each in found)
    return [(each.what, each.act) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", []),
        ("{partitions: 3, retention: 1 day, replication: 1, compact: false}", []),
        ("{partitions: 4}", [("partitions", Act.GROW)]),
        ("{partitions: 2}", [("partitions", Act.LEAVE)]),
        ("{retention: 2 days}", [("retention", Act.KEEP_LONGER)]),
        ("{retention: forever}", [("retention", Act.KEEP_LONGER)]),
        ("{retention: 23 hours}", [("retention", Act.LEAVE)]),
        ("{compact: true, retention: 1 day}", [("policy", Act.LEAVE)]),
        ("{replication: 3}", [("replication", Act.LEAVE)]),
        ("{partitions: 9, retention: 1 hour}", [("partitions", Act.GROW), ("retention", Act.LEAVE)]),
    ],
)
def test_a_topic_that_is_there(text: str, expected: list[tuple[str, Act]]) -> None:
    assert acts(text) == expected


def test_what_is_kept_forever_is_kept() -> None:
    forever = TopicThere(3, 1, -1, "delete")
    assert acts("{retention: 900 days}", forever) == [("retention", Act.LEAVE)]
    assert acts("{retention: forever}", forever) == []


def test_the_order_of_a_policy_is_no_difference() -> None:
    both = TopicThere(3, 1, DAY, "delete,compact")
    assert acts("{compact: true, retention: 1 day}", both) == []


def test_a_topic_that_is_not_there_is_made() -> None:
    assert acts("{retention: 1 day}", None) == [("topic", Act.MAKE)]
