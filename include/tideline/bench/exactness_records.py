"""A log drawn at random: disorder, late events of every magnitude, duplicates, bad records, a silence and a flood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp, log
from random import Random
from typing import Final, NamedTuple

from tideline.produce.log_events import LogWriter
from tideline.produce.malformed import BAD_LOGS

START_MS: Final = int(datetime(2025, 3, 3, tzinfo=UTC).timestamp()) * 1000
"""Event time begins here whenever a seed is played: a plan is a pure function of its seed."""
_FUTURE_MS: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000
_SECOND_MS: Final = 1000
_HOUR_MS: Final = 3_600_000
_LATE_BY_MS: Final = (_SECOND_MS, 72 * _HOUR_MS)
_SPAN_MS: Final = (300 * _SECOND_MS, 12 * _HOUR_MS)
_DISORDER_MS: Final = (100, 600 * _SECOND_MS)


class Sent(NamedTuple):
    """A record and the partition it is sent to."""

    partition: int
    value: bytes | None


@dataclass(frozen=True)
class _Shape:
    """What one log is like: the share of each kind of record, and how event time runs."""

    late: float
    duplicate: float
    malformed: float
    future: float
    span_ms: int
    disorder_ms: int

    @classmethod
    def draw(cls, rng: Random) -> _Shape:
        late, duplicate, malformed, future = (rng.uniform(0, most) for most in (0.3, 0.1, 0.06, 0.03))
        return cls(late, duplicate, malformed, future, between(rng, *_SPAN_MS), between(rng, *_DISORDER_MS))


def random_records(rng: Random, seed: int, count: int, partitions: int) -> list[Sent]:
    """The records in the order of sending."""
    shape, writer = _Shape.draw(rng), LogWriter(seed, rng)
    values: list[bytes | None] = []
    for number in range(count):
        values.append(_value(rng, writer, shape, START_MS + shape.span_ms * number // count, values))
    sent = [Sent(rng.randrange(partitions), value) for value in values]
    return _with_silence(rng, sent, partitions) if partitions > 1 and rng.random() < 0.6 else sent


def _value(rng: Random, writer: LogWriter, shape: _Shape, clock_ms: int, before: list[bytes | None]) -> bytes | None:
    at = rng.random()
    if at < shape.late:
        return writer.record(clock_ms - between(rng, *_LATE_BY_MS)).value
    if at < shape.late + shape.duplicate and before:
        return rng.choice(before)
    if at < shape.late + shape.duplicate + shape.malformed:
        return rng.choice(BAD_LOGS)[1](writer.fields(clock_ms), rng)
    if at < shape.late + shape.duplicate + shape.malformed + shape.future:
        return writer.record(_FUTURE_MS + rng.randrange(_HOUR_MS)).value
    return writer.record(clock_ms - rng.randint(0, shape.disorder_ms)).value


def _with_silence(rng: Random, sent: list[Sent], partitions: int) -> list[Sent]:
    """One partition says nothing for a while, and then all of it at once."""
    silent = rng.randrange(partitions)
    begin, end = sorted(rng.sample(range(len(sent)), 2))
    during = sent[begin:end]
    others = [record for record in during if record.partition != silent]
    flood = [record for record in during if record.partition == silent]
    return [*sent[:begin], *others, *flood, *sent[end:]]


def between(rng: Random, least: int, most: int) -> int:
    """A number of any magnitude between the two."""
    return round(exp(rng.uniform(log(least), log(most))))
