"""A stream's transitions as entries of its log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tideline.keeper.lifecycle import State
from tideline.logs.context import About
from tideline.logs.entry import Entry
from tideline.registry.rows import TransitionRow

SOURCE: Final = "registry"
_LEVELS: Final = {
    State.FAILED: "ERROR",
    State.CRASH_LOOP: "ERROR",
    State.ROLLING_BACK: "ERROR",
    State.UNHEALTHY: "WARNING",
    State.DEGRADED: "WARNING",
    State.UNKNOWN: "WARNING",
}


def transition_entries(rows: Iterable[TransitionRow]) -> Iterator[Entry]:
    """In the order given."""
    for row in rows:
        about = About(row.stream, row.generation, row.epoch)
        message = f"{row.from_state} -> {row.to_state}: {row.reason} (by {row.actor})"
        yield Entry(row.at, _LEVELS.get(row.to_state, "INFO"), "tideline.registry", message, about, source=SOURCE)
