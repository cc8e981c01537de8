"""Sees within seconds when a stream needs the keeper: the keeper's own look, without the broker and without acts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tideline.clock import now_ms
from tideline.keeper.lifecycle import State
from tideline.keeper.look import Look, conclude, look_at
from tideline.keeper.plan import Step
from tideline.keeper.witnesses import Witnesses
from tideline.logs.context import about
from tideline.registry.rows import Attempt, StreamRow
from tideline.registry.store import Registry

REPEAT_MS = 30_000
# What leads from one to the other is no hurry, and often seen by earlier looks alone, which the watch does not know.
_CAN_WAIT = frozenset({State.STABLE, State.DEGRADED})
# A keeper passes through these within one tick; only one that died there leaves a stream in them for long.
_PASSING = frozenset({State.FENCING, State.SUBMITTING, State.UNHEALTHY})
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alarm:
    """A stream on which the keeper would act now."""

    stream: str
    epoch: int
    state: str
    to: str
    reason: str


@dataclass
class Repeats:
    """Lets an alarm through once, and again only while it lasts and `REPEAT_MS` have passed."""

    fired_at: dict[tuple[str, int, str, str], int] = field(default_factory=dict)

    def fresh(self, alarms: Sequence[Alarm], now: int) -> list[Alarm]:
        keyed = {(alarm.stream, alarm.epoch, alarm.state, alarm.to): alarm for alarm in alarms}
        self.fired_at = {key: at for key, at in self.fired_at.items() if key in keyed}
        due = {key: alarm for key, alarm in keyed.items() if now - self.fired_at.get(key, now - REPEAT_MS) >= REPEAT_MS}
        self.fired_at |= dict.fromkeys(due, now)
        return list(due.values())


class Watch:
    """Looks at all streams together; made to be called every second or two."""

    def __init__(self, registry: Registry, witnesses: Witnesses, clock: Callable[[], int] = now_ms) -> None:
        self._registry = registry
        self._witnesses = witnesses
        self._clock = clock
        self._repeats = Repeats()

    def fresh_alarms(self) -> list[Alarm]:
        """The alarms that have not been raised yet."""
        now = self._clock()
        attempts = self._registry.current_attempts()
        found = [self._alarm(row, attempts.get(row.name), now) for row in self._registry.streams()]
        return self._repeats.fresh([alarm for alarm in found if alarm], now)

    def _alarm(self, row: StreamRow, attempt: Attempt | None, now: int) -> Alarm | None:
        if row.state in _PASSING and now - row.state_since < REPEAT_MS:
            return None
        try:
            step = possible_step(look_at(row, attempt, self._witnesses, now))
        except Exception:
            with about(stream=row.name, epoch=row.epoch):
                log.exception("%s cannot be looked at", row.name)
            return None
        if step is None or {row.state, step.to} <= _CAN_WAIT:
            return None
        return Alarm(row.name, row.epoch, row.state, step.to, step.reason)


def possible_step(look: Look) -> Step | None:
    """A step that follows if nothing is known of the backlog, or if there is none: asking the broker this often costs
    too much, and the keeper asks it before it acts."""
    possible: tuple[Mapping[int, int] | None, ...] = (None, {})
    for log_ends in possible:
        evidence = replace(look.evidence, log_ends=log_ends)
        step = conclude(look.row, look.spec, evidence, look.at).step
        if step is not None:
            return step
    return None
