"""What is asked of the broker topic by topic, asked once for all topics that are looked at together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, TypeVar

from tideline.clock import now_ms

KEPT_MS: Final = 10_000
"""No longer than a tick of a large fleet: an answer that is older says nothing of now."""

T = TypeVar("T")


class Together(Generic[T]):
    """Answers for one topic out of one question for all that are expected; a failure is kept as long as an answer, or
    each stream of a fleet would wait for a broker that is down.

    `ask` leaves out topics that are not there.
    """

    def __init__(self, ask: Callable[[frozenset[str]], Mapping[str, T]], clock: Callable[[], int] = now_ms) -> None:
        self._ask = ask
        self._clock = clock
        self._topics: frozenset[str] = frozenset()
        self._asked_at: int | None = None
        self._found: Mapping[str, T] = {}
        self._error: Exception | None = None

    def expect(self, topics: Iterable[str]) -> None:
        """These will be asked for soon."""
        self._topics |= frozenset(topics)

    def __call__(self, topic: str) -> T:
        """LookupError for a topic that is not there; else what asking raised."""
        if topic not in self._topics or self._asked_at is None or self._clock() - self._asked_at > KEPT_MS:
            self._topics |= {topic}
            self._refresh()
        if self._error is not None:
            raise self._error
        if topic not in self._found:
            raise LookupError(f"there is no topic '{topic}'")
        return self._found[topic]

    def _refresh(self) -> None:
        self._found, self._error = {}, None
        try:
            self._found = self._ask(self._topics)
        except Exception as error:  # raised at each look, for the time it is kept
            self._error = error
        self._asked_at = self._clock()
