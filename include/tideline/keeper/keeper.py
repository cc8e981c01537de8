"""The keeper's loop: look, decide, act, until nothing is left to do. It is short, and may be cut off anywhere."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable

from tideline.clock import now_ms
from tideline.keeper.acts import perform
from tideline.keeper.lifecycle import LIVE
from tideline.keeper.look import look_at
from tideline.keeper.recording import Caller
from tideline.keeper.samples import EVERY_MS, LOOKED_AT_MS, Sample
from tideline.keeper.tools import Tools
from tideline.keeper.witnesses import Witnesses
from tideline.registry.rows import StreamRow

LEASE_MS = 120_000  # longer than any tick: ending a driver takes up to 20 s, a submit a few
MAX_STEPS = 12
log = logging.getLogger(__name__)


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
        with self._registry.leases.held(stream, self._holder, LEASE_MS) as mine:
            row = self._registry.stream(stream)
            if not mine:
                log.info("%s: another keeper is at it", stream)
                return row
            history = self._history(row)
            for _ in range(MAX_STEPS):
                moved = self._step(row, history, by)
                if moved is None:
                    break
                row = moved
            return row

    def tick_all(self, by: Caller, only: Iterable[str] | None = None) -> list[StreamRow]:
        """Ticks all streams, or those named; one that fails does not keep the others waiting, and is raised last."""
        wanted = None if only is None else set(only)
        rows, errors = [], []
        for row in self._registry.streams():
            if wanted is not None and row.name not in wanted:
                continue
            try:
                rows.append(self.tick(row.name, by))
            except Exception as error:
                log.exception("%s: the tick failed", row.name)
                errors.append(error)
        if errors:
            raise ExceptionGroup("some streams could not be looked after", errors)
        return rows

    def _history(self, row: StreamRow) -> tuple[Sample, ...]:
        """Earlier looks, and what is seen now if the last one is long ago."""
        now = self._clock()
        history = self._registry.samples(row.name, now - LOOKED_AT_MS)
        if row.state not in LIVE or (history and now - history[-1].at < EVERY_MS):
            return history
        attempt = self._registry.attempt(row.name, row.epoch)
        sample = look_at(row, attempt, self._witnesses, now).evidence.sample(now)
        self._registry.add_sample(row.name, sample)
        return (*history, sample)

    def _step(self, row: StreamRow, history: tuple[Sample, ...], by: Caller) -> StreamRow | None:
        attempt = self._registry.attempt(row.name, row.epoch)
        look = look_at(row, attempt, self._witnesses, self._clock(), history)
        if look.step is None:
            log.info("%s: %s at epoch %s, %s", row.name, row.state, row.epoch, look.verdict.why)
            return None
        log.info("%s: %s -> %s (%s)", row.name, row.state, look.step.to, look.step.reason)
        return perform(self._tools, look, look.step, attempt, by)
