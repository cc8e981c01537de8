"""Notices, while a stream runs, that its topic was deleted and made again: Spark goes on at the old offsets unseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kafka.errors import KafkaError

from tideline.errors import UserError
from tideline.ledger import TopicChanged

EVERY_MS: Final = 5_000
"""Asking takes 10 to 20 ms; what is read in between is refused later, since the ledger has the old id."""


class TopicWatch:
    """Asks for the topic's id at most every `EVERY_MS`; a broker that does not answer says nothing about it."""

    def __init__(self, topic: str, topic_id: str, ask: Callable[[], str], now_ms: Callable[[], int]) -> None:
        self._topic, self._topic_id = topic, topic_id
        self._ask, self._now_ms = ask, now_ms
        self._asked_ms = now_ms()

    def check(self) -> None:
        """TopicChanged when the topic has another id than the stream began with."""
        if self._now_ms() - self._asked_ms < EVERY_MS:
            return
        self._asked_ms = self._now_ms()
        try:
            found = self._ask()
        except (UserError, KafkaError, OSError):
            return
        if found != self._topic_id:
            raise TopicChanged(
                f"topic '{self._topic}' was made again while the stream ran: from {self._topic_id} to {found}",
                "deploy the new topic's stream under a name of its own",
            )
