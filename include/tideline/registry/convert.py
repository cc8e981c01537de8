"""Between the database's rows and the registry's values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from tideline.keeper.lifecycle import Desired, State
from tideline.registry.rows import Attempt, Move, StreamRow, TransitionRow


def stream_row(row: Row[Any]) -> StreamRow:
    values = dict(row._mapping)
    return StreamRow(**{**values, "desired": Desired(values["desired"]), "state": State(values["state"])})


def transition_row(row: Row[Any]) -> TransitionRow:
    values = dict(row._mapping)
    states = {name: State(values[name]) for name in ("from_state", "to_state")}
    return TransitionRow(**{**values, **states})


def transition_values(before: StreamRow, move: Move) -> dict[str, Any]:
    return {
        "stream": before.name,
        "from_state": before.state,
        "to_state": move.to,
        "reason": move.reason,
        "evidence": dict(move.evidence),
        "actor": move.actor,
        "epoch": before.epoch,
        "generation": before.generation,
        "dag_run": move.dag_run,
    }


def attempt_row(row: Row[Any]) -> Attempt:
    return Attempt(**row._mapping)
