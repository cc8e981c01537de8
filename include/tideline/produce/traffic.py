"""Seeded traffic: the same seed gives the same records, and each is tagged with what must become of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from random import Random
from typing import Final

from tideline.produce.kinds import LOGS
from tideline.produce.pace import Due, evenly, paced
from tideline.produce.records import Kind, Writer

HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
LATE_BY_MS: Final = (20 * MINUTE_MS, 40 * MINUTE_MS)
FUTURE_BY_MS: Final = (2 * HOUR_MS, 72 * HOUR_MS)
# A copy comes soon after its original, so that a watermark of minutes takes both or neither.
_COPIED_WITHIN_MS: Final = 60_000
_REMEMBERED: Final = 50


class Tag(StrEnum):
    """What a record is: `late` ones are far behind, and dropped once the watermark has passed them."""

    ON_TIME = "on_time"
    LATE = "late"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"
    FUTURE = "future"


@dataclass(frozen=True)
class TrafficEvent:
    """A record to send. A malformed one has no event time, and `reason` is why it must be rejected."""

    value: bytes | None
    tag: Tag
    event_time_ms: int | None
    reason: str = ""
    key: bytes | None = None


@dataclass(frozen=True)
class Traffic:
    """An endless, deterministic run of events at `rate` a second.

    Event time begins at `start` (epoch ms), `behind_ms` before the wall clock, and runs `speed` times as fast until
    it has caught up. Events are out of order by up to `disorder_ms`; late ones are 20 to 40 minutes behind, or one of
    `late_by` (ms), and come only once event time has run that far.
    """

    seed: int
    rate: float
    start: int
    late_share: float = 0.02
    duplicate_share: float = 0.01
    malformed_share: float = 0.01
    future_share: float = 0.002
    speed: float = 60.0
    behind_ms: int = 2 * HOUR_MS
    disorder_ms: int = 5_000
    kind: Kind = LOGS
    late_by: tuple[int, ...] = ()

    def __iter__(self) -> Iterator[TrafficEvent]:
        rng = Random(self.seed)
        writer = self.kind.writer(self.seed, rng)
        recent: deque[TrafficEvent] = deque(maxlen=_REMEMBERED)
        number = 0
        while True:
            while recent and self._is_stale(recent[0], number):
                recent.popleft()
            event = self._event(self._pick(rng, number, bool(recent)), number, rng, writer, recent)
            if event.tag is Tag.ON_TIME:
                recent.append(event)
            yield event
            number += 1

    @staticmethod
    def start_before(now_ms: int) -> int:
        """Where event time begins for traffic that is sent from now on."""
        return now_ms - 2 * HOUR_MS

    def paced(self, count: int, shape: Callable[[float], Due] = evenly) -> Iterator[TrafficEvent]:
        """The first `count` events, each when its time has come."""
        return paced(islice(self, count), shape(self.rate))

    def event_clock_ms(self, number: int) -> int:
        """How far event time has come when record `number` is sent."""
        elapsed_ms = number / self.rate * 1000
        return self.start + round(min(elapsed_ms * self.speed, self.behind_ms + elapsed_ms))

    @property
    def late_after_s(self) -> float:
        """Seconds of sending before the first late event comes: until event time has run as far as one is late."""
        return max(self._latest_ms / self.speed, self._latest_ms - self.behind_ms) / 1000

    @property
    def _latest_ms(self) -> int:
        return max(self.late_by, default=LATE_BY_MS[1])

    def _is_stale(self, event: TrafficEvent, number: int) -> bool:
        return self.event_clock_ms(number) - (event.event_time_ms or 0) > _COPIED_WITHIN_MS

    def _pick(self, rng: Random, number: int, has_recent: bool) -> Tag:
        """Draws a tag by the shares; what cannot be yet is on time instead."""
        at = rng.random()
        for tag, share in (
            (Tag.LATE, self.late_share),
            (Tag.DUPLICATE, self.duplicate_share),
            (Tag.MALFORMED, self.malformed_share),
            (Tag.FUTURE, self.future_share),
        ):
            at -= share
            if at < 0:
                too_early = tag is Tag.LATE and self.event_clock_ms(number) - self.start < self._latest_ms
                return Tag.ON_TIME if too_early or (tag is Tag.DUPLICATE and not has_recent) else tag
        return Tag.ON_TIME

    def _event(self, tag: Tag, number: int, rng: Random, writer: Writer, recent: deque[TrafficEvent]) -> TrafficEvent:
        clock = self.event_clock_ms(number)
        match tag:
            case Tag.DUPLICATE:
                original = rng.choice(recent)
                return TrafficEvent(original.value, tag, original.event_time_ms, key=original.key)
            case Tag.MALFORMED:
                reason, make = rng.choice(self.kind.malformed)
                return TrafficEvent(make(writer.fields(clock), rng), tag, None, reason)
            case Tag.FUTURE:
                wall = self.start + self.behind_ms + round(number / self.rate * 1000)
                time_ms = wall + rng.randint(*FUTURE_BY_MS)
            case Tag.LATE:
                time_ms = clock - (rng.choice(self.late_by) if self.late_by else rng.randint(*LATE_BY_MS))
            case Tag.ON_TIME:
                time_ms = clock - rng.randint(0, self.disorder_ms)
        value, event_time_ms, key = writer.record(time_ms)
        return TrafficEvent(value, tag, event_time_ms, key=key)
