from __future__ import annotations

from collections.abc import Mapping

import pytest

from support.keeper_world import Clock
from tideline.keeper.together import KEPT_MS, Together


class Broker:
    """Has two topics, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[frozenset[str]] = []
        self.is_up = True

    def __call__(self, topics: frozenset[str]) -> Mapping[str, int]:
        self.asked.append(topics)
        if not self.is_up:
            raise ConnectionError("no broker")
        return {topic: len(topic) for topic in topics & {"a", "bb"}}


@pytest.fixture
def broker() -> Broker:
    return Broker()


def test_all_that_is_expected_is_asked_once(broker: Broker) -> None:
    ends = Together(broker, Clock())
    ends.expect(["a", "bb"])
    assert [ends(topic) for topic in ("a", "bb", "a")] == [1, 2, 1]
    assert broker.asked == [{"a", "bb"}]


def test_a_topic_that_was_not_expected_is_asked_for(broker: Broker) -> None:
    ends = Together(broker, Clock())
    assert (ends("a"), ends("bb"), ends("a")) == (1, 2, 1)
    assert broker.asked == [{"a"}, {"a", "bb"}]


def test_an_old_answer_is_asked_for_anew(broker: Broker) -> None:
    clock = Clock()
    ends = Together(broker, clock)
    ends("a")
    clock.now += KEPT_MS
    ends("a")
    assert len(broker.asked) == 1
    clock.now += 1
    ends("a")
    assert len(broker.asked) == 2


def test_a_topic_that_is_not_there_is_no_trouble_of_the_others(broker: Broker) -> None:
    ends = Together(broker, Clock())
    ends.expect(["a", "none"])
    with pytest.raises(LookupError, match="'none'"):
        ends("none")
    assert (ends("a"), len(broker.asked)) == (1, 1)


def test_a_broker_that_is_down_is_not_waited_for_by_each_stream(broker: Broker) -> None:
    clock = Clock()
    ends = Together(broker, clock)
    ends.expect(["a", "bb"])
    broker.is_up = False
    for topic in ("a", "bb", "a"):
        with pytest.raises(ConnectionError):
            ends(topic)
    assert len(broker.asked) == 1
    broker.is_up = True
    clock.now += KEPT_MS + 1
    assert ends("a") == 1
