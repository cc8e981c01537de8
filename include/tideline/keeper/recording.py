"""Writes a step and its evidence into the registry, with the attempt as the step leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from tideline.keeper.failures import FailedBatch, Failure, FailureClass
from tideline.keeper.lifecycle import ENDS, WAITS_FOR_A_PERSON, State
from tideline.keeper.look import Look
from tideline.registry.rows import Attempt, Move, StreamRow, TransitionRow
from tideline.registry.store import Registry
from tideline.shown_bytes import printable

REPLACED: Final = "replaced or stopped"
"""The outcome of a driver that was wanted no more."""
FAILURE: Final = "failure"
"""The key of a transition's evidence that tells how a driver was lost."""
LOSSES: Final = "losses"
"""The key of how many drivers were lost on the way then: see `StreamRow.losses`."""


@dataclass(frozen=True)
class Caller:
    """Who makes the keeper look: a name for the record, and the DAG run if there is one."""

    actor: str
    dag_run: str | None = None


@dataclass(frozen=True)
class Way:
    """The way a stream really goes, which an act may choose otherwise than the step had it."""

    to: State
    reason: str
    retry_at: int | None = None


def instead_of_a_person(row: StreamRow, way: Way) -> Way:
    """What stops a stream whose deploy is not proved yet puts the last stable spec back."""
    if way.to in WAITS_FOR_A_PERSON and row.prove_by is not None:
        return Way(State.ROLLING_BACK, way.reason)
    return way


def record(
    registry: Registry,
    look: Look,
    way: Way,
    by: Caller,
    attempt: Attempt | None = None,
    told: Mapping[str, Any] = MappingProxyType({}),
    **columns: Any,
) -> StreamRow:
    """Records the transition, with what is `told` beside the look; on the way to a new driver, and at an end, the
    newest request is met."""
    if way.to is State.FENCING or way.to in ENDS:
        columns["acted"] = look.row.requested
    evidence = look.as_dict() | dict(told) | {LOSSES: columns.get("losses", look.row.losses)}
    move = Move(way.to, printable(way.reason), by.actor, evidence, by.dag_run, way.retry_at)
    return registry.record(look.row, move, attempt, **columns)


def left_by(look: Look, attempt: Attempt | None, to: State, failed: FailureClass | None = None) -> Attempt | None:
    """The attempt as a step leaves it, to be recorded with it: proved, or ended, as it `failed` or because another was
    wanted; None where it stays as it is."""
    if attempt is None or attempt.ended_at is not None:
        return None
    if look.proves(to) and attempt.stable_at is None:
        return replace(attempt, stable_at=look.at)
    if to is State.UNHEALTHY or to is State.FENCING or to in ENDS:
        launcher = look.evidence.launcher
        status = launcher.exit_status if launcher and not launcher.alive else None
        return replace(attempt, ended_at=look.at, exit_status=status, outcome=failed or REPLACED)
    return None


def failures_of(attempts: Iterable[Attempt], losses: Iterable[TransitionRow] = (), after: int = 0) -> list[Failure]:
    """The attempts of epochs above `after` that failed, in the order given; those that were stopped or replaced are
    none.

    `losses` are the transitions that gave them up: their evidence has the batch that one failed in.
    """
    batches = {loss.epoch: loss.evidence.get(FAILURE, {}).get("batch") for loss in losses}
    return [
        Failure(
            attempt.ended_at,
            FailureClass(attempt.outcome),
            attempt.stable_at is not None,
            FailedBatch.parse(batch) if (batch := batches.get(attempt.epoch)) else None,
        )
        for attempt in attempts
        if attempt.epoch > after and attempt.ended_at and attempt.outcome not in (None, REPLACED)
    ]
