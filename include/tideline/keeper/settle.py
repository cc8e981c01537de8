"""Has a deploy or a stop come to its end? A pure function of the stream's row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tideline.keeper.lifecycle import WAITS_FOR_A_PERSON, Desired, State
from tideline.registry.rows import StreamRow

MOST_LOSSES: Final = 3
"""Nobody is kept waiting for a stream that lost so many drivers on its way; the keeper goes on with it."""

_GOAL = {Desired.RUNNING: State.STABLE, Desired.STOPPED: State.STOPPED, Desired.SUSPENDED: State.SUSPENDED}


@dataclass(frozen=True)
class Settled:
    """How a request ended, and why."""

    reached: bool
    reason: str


def _rolled_back(row: StreamRow) -> Settled | None:
    """The request has failed once the last stable spec runs again, or does not either."""
    if row.state is State.STABLE:
        return Settled(False, f"{row.refused}; the last stable spec is back, STABLE at epoch {row.epoch}")
    if row.state in WAITS_FOR_A_PERSON:
        return Settled(False, f"{row.refused}; the last stable spec is {row.state} too: {row.reason}")
    return None


def settled(row: StreamRow, wanted: Desired, known_losses: int = 0) -> Settled | None:
    """None while the request is on its way; not reached when a person is needed or has wanted otherwise since, or when
    the stream lost too many drivers beside those that were known when the wait began."""
    if row.desired is not wanted:
        return Settled(False, f"{row.name} is wanted {row.desired} by {row.asked_by} now")
    if wanted is Desired.RUNNING and row.refused and not row.has_request:
        return _rolled_back(row) or _lost_too_often(row, known_losses)
    if row.state is _GOAL[wanted] and (wanted is not Desired.RUNNING or not row.has_request):
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
