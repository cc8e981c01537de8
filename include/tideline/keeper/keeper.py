"""The keeper's loop: look, decide, act, until nothing is left to do. It is short, and may be cut off anywhere."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tideline.clock import now_ms
from tideline.keeper.acts import perform
from tideline.keeper.deployed import parse_deployed, topics_of
from tideline.keeper.evidence import Evidence
from tideline.keeper.lifecycle import LIVE, WAITS_FOR_A_PERSON, State
from tideline.keeper.look import conclude
from tideline.keeper.recording import Caller
from tideline.keeper.samples import LOOKED_AT_MS, Sample, is_due, of_epoch
from tideline.keeper.tools import Tools
from tideline.keeper.witnesses import Witnesses
from tideline.logs.context import about
from tideline.registry.rows import Attempt, StreamRow
from tideline.spec.job import Spec

LEASE_MS = 120_000  # longer than any tick: ending a driver takes up to 20 s, a submit a few
MAX_STEPS = 12
# Records come and go whether a driver runs or not.
_SAMPLED = LIVE | WAITS_FOR_A_PERSON | {State.BACKOFF, State.SUSPENDED}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """What the witnesses say of a stream at a time."""

    row: StreamRow
    spec: Spec
    attempt: Attempt | None
    evidence: Evidence
    at: int

    @property
    def sample(self) -> Sample:
        """What is to be remembered; of a driver that does not run only what it left to be read."""
        sample = self.evidence.sample(self.at)
        if self.row.state in LIVE:
            return sample
        return replace(sample, watermark=None, batch=None, batch_ms=None, rows=None)


class Keeper:
    """Keeps streams as they are wanted. Of many keepers, the one that holds a stream's lease acts on it."""

    def __init__(self, tools: Tools, witnesses: Witnesses, clock: Callable[[], int] = now_ms) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._witnesses = witnesses
        self._clock = clock
        self._holder = f"keeper-{uuid.uuid4()}"

    def tick(self, stream: str, by: Caller) -> StreamRow:
        """Brings one stream as far as it can be brought now; the row as it is then."""
        with about(stream=stream), self._registry.leases.held(stream, self._holder, LEASE_MS) as mine:
            row = self._registry.stream(stream)
            if not mine:
                log.info("%s: another keeper is at it", stream)
                return row
            seen, history = self._remember(self._look(row))
            for _ in range(MAX_STEPS):
                moved = self._step(seen, by)
                if moved is None:
                    break
                row = moved
                seen = self._recalled(self._look(row), history)
            return row

    def tick_all(self, by: Caller, only: Iterable[str] | None = None) -> list[StreamRow]:
        """Ticks all streams, or those named; one that fails does not keep the others waiting, and is raised last."""
        wanted = None if only is None else set(only)
        chosen = [row for row in self._registry.streams() if wanted is None or row.name in wanted]
        self._witnesses.expect(topics_of(chosen))
        rows, errors = [], []
        for row in chosen:
            try:
                rows.append(self.tick(row.name, by))
            except Exception as error:
                with about(stream=row.name):
                    log.exception("%s: the tick failed", row.name)
                errors.append(error)
        if errors:
            raise ExceptionGroup("some streams could not be looked after", errors)
        return rows

    def _look(self, row: StreamRow) -> Seen:
        attempt = self._registry.attempt(row.name, row.epoch)
        spec, at = parse_deployed(row.spec), self._clock()  # a witness that is slow to answer makes no other look old
        return Seen(row, spec, attempt, self._witnesses.look(row, spec.topic, attempt), at)

    def _remember(self, seen: Seen) -> tuple[Seen, tuple[Sample, ...]]:
        """The look beside earlier ones, and these; it is kept too if the last one is long ago, or before the driver's
        first batch."""
        history = self._registry.samples(seen.row.name, seen.at - LOOKED_AT_MS)
        if seen.row.state not in _SAMPLED or not is_due(seen.sample, of_epoch(history, seen.row.epoch)):
            return self._recalled(seen, history), history
        seen = self._recalled(seen, (*history, seen.sample))
        self._registry.add_sample(seen.row.name, seen.sample)
        return seen, (*history, seen.sample)

    def _recalled(self, seen: Seen, history: tuple[Sample, ...]) -> Seen:
        own = of_epoch(history, seen.row.epoch)  # what an older driver did is not this one's
        return replace(seen, evidence=self._witnesses.recall(seen.evidence, seen.spec.topic, own))

    def _step(self, seen: Seen, by: Caller) -> StreamRow | None:
        with about(epoch=seen.row.epoch, generation=seen.row.generation):
            return self._step_of(seen, by)

    def _step_of(self, seen: Seen, by: Caller) -> StreamRow | None:
        row = seen.row
        look = conclude(row, seen.spec, seen.evidence, seen.at)
        if look.step is None:
            log.info("%s: %s at epoch %s, %s", row.name, row.state, row.epoch, look.verdict.why)
            return None
        log.info("%s: %s -> %s (%s)", row.name, row.state, look.step.to, look.step.reason)
        return perform(self._tools, look, look.step, seen.attempt, by)
