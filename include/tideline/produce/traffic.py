"""Seeded traffic: the same seed gives the same records, and each is tagged with what must become of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from random import Random
from typing import Final

from tideline.produce.log_events import LogWriter
from tideline.produce.malformed import KINDS
from tideline.produce.pace import paced

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


@dataclass(frozen=True)
class Traffic:
    """An endless, deterministic run of log events at `rate` a second.

    Event time begins at `start` (epoch ms), `behind_ms` before the wall clock, and runs `speed` times as fast until
    it has caught up. Events are out of order by up to `disorder_ms`; late ones are 20 to 40 minutes behind, and come
    only once event time has run that far.
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

    def __iter__(self) -> Iterator[TrafficEvent]:
        rng = Random(self.seed)
        writer = LogWriter(self.seed, rng)
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

    def paced(self, count: int) -> Iterator[TrafficEvent]:
        """The first `count` events, each when its time has come."""
        return paced(islice(self, count), self.rate)

    def event_clock_ms(self, number: int) -> int:
        """How far event time has come when record `number` is sent."""
        elapsed_ms = number / self.rate * 1000
        return self.start + round(min(elapsed_ms * self.speed, self.behind_ms + elapsed_ms))

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
                too_early = tag is Tag.LATE and self.event_clock_ms(number) - self.start < LATE_BY_MS[1]
                return Tag.ON_TIME if too_early or (tag is Tag.DUPLICATE and not has_recent) else tag
        return Tag.ON_TIME

    def _event(
        self, tag: Tag, number: int, rng: Random, writer: LogWriter, recent: deque[TrafficEvent]
    ) -> TrafficEvent:
        clock = self.event_clock_ms(number)
        match tag:
            case Tag.DUPLICATE:
                original = rng.choice(recent)
                return TrafficEvent(original.value, tag, original.event_time_ms)
            case Tag.MALFORMED:
                reason, make = rng.choice(KINDS)
                return TrafficEvent(make(writer.fields(clock), rng), tag, None, reason)
            case Tag.FUTURE:
                wall = self.start + self.behind_ms + round(number / self.rate * 1000)
                time_ms = wall + rng.randint(*FUTURE_BY_MS)
            case Tag.LATE:
                time_ms = clock - rng.randint(*LATE_BY_MS)
            case Tag.ON_TIME:
                time_ms = clock - rng.randint(0, self.disorder_ms)
        value, event_time_ms = writer.record(time_ms)
        return TrafficEvent(value, tag, event_time_ms)
