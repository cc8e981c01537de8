"""Rows of the registry as frozen values, and the errors of those who come too late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tideline.keeper.lifecycle import Desired, State


class UnknownStream(LookupError):
    """No stream of that name was ever deployed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no stream '{name}' in the registry: deploy it first with 'tideline deploy {name}'")


class StaleEpoch(RuntimeError):
    """Another submit has raised the epoch in between."""


class StaleState(RuntimeError):
    """Another keeper has moved the stream in between."""


@dataclass(frozen=True)
class StreamRow:
    """What is wanted of a stream, and where it is; `spec` is the text as deployed.

    A spec that is not proved STABLE by `prove_by` (epoch ms) gives way to `stable_spec`; `refused` says why one did.
    `losses` counts the drivers lost since it was last STABLE or asked for, `lost` says how the last of them was.
    Only failures of epochs above `budget_after` use up the budget of restarts.
    """

    name: str
    desired: Desired
    state: State
    reason: str
    epoch: int
    generation: int
    next_generation: int
    requested: int
    acted: int
    asked_by: str
    asked_for: str | None
    spec: str
    fingerprint: str
    stable_spec: str | None
    prove_by: int | None
    refused: str | None
    retry_at: int | None
    probes: int
    budget_after: int
    losses: int
    lost: str | None
    state_since: int
    updated_at: int

    def is_overdue(self, now: int) -> bool:
        """Whether a deploy was to be proved by now, with a spec to go back to."""
        return self.prove_by is not None and now > self.prove_by

    @property
    def has_request(self) -> bool:
        return self.requested > self.acted

    @property
    def losses_told(self) -> str | None:
        """What the state's reason leaves out of the drivers lost on the way; None when there is nothing to add."""
        if self.losses == 0 or self.lost is None:
            return None
        if self.lost in self.reason:
            return self._losses if self.losses > 1 else None
        return self.losses_in_full

    def kept_at(self, looked_at: int | None) -> int:
        """When a keeper last saw to the stream (epoch ms): it looked at a driver then, or changed its state."""
        return max(looked_at or 0, self.state_since)

    @property
    def losses_in_full(self) -> str:
        """How many drivers were lost on the way, and how the last of them was."""
        return f"{self._losses}, the last by {self.lost}"

    @property
    def _losses(self) -> str:
        drivers = "1 driver was" if self.losses == 1 else f"{self.losses} drivers were"
        return f"{drivers} lost and none STABLE since"


@dataclass(frozen=True)
class SpecRow:
    """A spec as a stream was asked to run by it, who asked, and when it was first STABLE, or why it was refused."""

    stream: str
    number: int
    spec: str
    asked_by: str
    at: int
    stable_at: int | None
    refused: str | None


@dataclass(frozen=True)
class Attempt:
    """One submit and what became of it; `outcome` is a failure's class, or why it ended otherwise."""

    stream: str
    epoch: int
    generation: int
    tag: str
    actor: str
    base_batch: int
    submitted_at: int
    stable_at: int | None = None
    ended_at: int | None = None
    exit_status: int | None = None
    outcome: str | None = None


@dataclass(frozen=True)
class Move:
    """One transition to record: where to, why, on what evidence, and by whom."""

    to: State
    reason: str
    actor: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    dag_run: str | None = None
    retry_at: int | None = None


@dataclass(frozen=True)
class TransitionRow:
    """A transition as recorded."""

    id: int
    stream: str
    from_state: State
    to_state: State
    reason: str
    evidence: Mapping[str, Any]
    actor: str
    epoch: int
    generation: int
    dag_run: str | None
    at: int
