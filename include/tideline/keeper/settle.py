"""Has a deploy or a stop come to its end, and how long may it take? By the stream's row alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tideline.keeper.deployed import readable
from tideline.keeper.lifecycle import WAITS_FOR_A_PERSON, Desired, State
from tideline.keeper.plan import DRAIN_MS
from tideline.keeper.verdict import Thresholds
from tideline.registry.rows import StreamRow

MOST_LOSSES: Final = 3
"""Nobody is kept waiting for a stream that lost so many drivers on its way; the keeper goes on with it."""

_LOOK_MS: Final = 60_000
"""A keeper looks at least so often."""


@dataclass(frozen=True)
class Settled:
    """How a request ended, and why."""

    reached: bool
    reason: str


def _rolled_back(row: StreamRow, proved: bool) -> Settled | None:
    """The request has failed once the last stable spec runs again, or does not either."""
    if _runs(row, proved):
        return Settled(False, f"{row.refused}; the last stable spec is back, {row.state} at epoch {row.epoch}")
    if row.state in WAITS_FOR_A_PERSON:
        return Settled(False, f"{row.refused}; the last stable spec is {row.state} too: {row.reason}")
    return None


def _runs(row: StreamRow, proved: bool) -> bool:
    """STABLE, or warned of what no spec could help."""
    return row.state is State.STABLE or (row.state is State.DEGRADED and proved)


def settled(row: StreamRow, wanted: Desired, known_losses: int = 0, proved: bool = False) -> Settled | None:
    """None while the request is on its way; not reached when a person is needed or has wanted otherwise since, or when
    the stream lost too many drivers beside those that were known when the wait began. `proved` is the driver there is.
    """
    if row.desired is not wanted:
        return Settled(False, f"{row.name} is wanted {row.desired} by {row.asked_by} now")
    if wanted is Desired.RUNNING and row.refused and not row.has_request:
        return _rolled_back(row, proved) or _lost_too_often(row, known_losses)
    if wanted is Desired.RUNNING and _runs(row, proved) and not row.has_request:
        return Settled(True, f"{row.name} is {row.state} at epoch {row.epoch}: {row.reason}")
    if wanted is not Desired.RUNNING and row.state is State(wanted):
        return Settled(True, f"{row.name} is {row.state} at epoch {row.epoch}: {row.reason}")
    if wanted is Desired.RUNNING and row.state in WAITS_FOR_A_PERSON and not row.has_request:
        return Settled(False, f"{row.name} is {row.state}: {row.reason}")
    if wanted is Desired.RUNNING and not row.has_request and row.prove_by is None:
        return _lost_too_often(row, known_losses)
    return None


def _lost_too_often(row: StreamRow, known_losses: int) -> Settled | None:
    """UNHEALTHY is not the keeper's last word on a loss."""
    if row.losses - known_losses < MOST_LOSSES or row.state is State.UNHEALTHY:
        return None
    return Settled(False, f"{row.name} is {row.state} and still tried: {row.losses_in_full}")


@dataclass
class Wait:
    """One wait for a stream, begun at `begun`: it ends at `until` (epoch ms), or later where the stream's specs have a
    longer time to be proved."""

    wanted: Desired
    begun: int
    until: int
    _known_losses: int | None = None

    def ends(self, row: StreamRow, now: int, proved: bool = False) -> Settled | None:
        """How the request ended; not reached, and why not, once the time is over. None while it goes on. `proved` as of
        `settled`."""
        known = row.losses if self._known_losses is None else min(self._known_losses, row.losses)
        self._known_losses = known
        if self.wanted is Desired.RUNNING:
            self.until = max(self.until, self.begun + longest_wait_ms(row))
        found = settled(row, self.wanted, known, proved)
        return _overdue(row, self.wanted) if found is None and now > self.until else found


def longest_wait_ms(row: StreamRow) -> int:
    """How long it may take until a stream runs: a driver drains, the next one is proved, or is not and drains, and the
    last stable spec is proved; and a keeper has to see each."""
    specs = [readable(text)[0] for text in (row.spec, row.stable_spec) if text]
    return sum(_LOOK_MS + DRAIN_MS + Thresholds.of(spec).prove_within_ms for spec in specs if spec)


def _overdue(row: StreamRow, wanted: Desired) -> Settled:
    refused = f"{row.refused}; " if row.refused else ""
    return Settled(False, f"{refused}{row.name} is still {row.state}, wanted {wanted}: {row.reason}")
