"""What a state means to an operator: its colour's name and its sign, for those who see no colours. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from tideline.keeper.lifecycle import ENDS, State


class Tone(StrEnum):
    """From what needs somebody to what needs nobody."""

    BAD = "bad"
    WARN = "warn"
    BUSY = "busy"
    WELL = "well"
    OFF = "off"


SIGNS: Final = {Tone.BAD: "✖", Tone.WARN: "▲", Tone.BUSY: "◌", Tone.WELL: "●", Tone.OFF: "■"}
MEANINGS: Final = {
    Tone.BAD: "in trouble",
    Tone.WARN: "with a warning",
    Tone.BUSY: "on the way",
    Tone.WELL: "well",
    Tone.OFF: "off",
}
_TONES: Final = {
    State.FAILED: Tone.BAD,
    State.CRASH_LOOP: Tone.BAD,
    State.UNHEALTHY: Tone.BAD,
    State.ROLLING_BACK: Tone.WARN,
    State.BACKOFF: Tone.WARN,
    State.DEGRADED: Tone.WARN,
    State.UNKNOWN: Tone.WARN,
    State.STABLE: Tone.WELL,
    State.STOPPED: Tone.OFF,
    State.SUSPENDED: Tone.OFF,
}


def tone_of(state: State, losses: int = 0) -> Tone:
    """What is on its way somewhere is busy; less so with a driver lost on that way, and with two it is in trouble."""
    tone = _TONES.get(state, Tone.BUSY)
    if losses == 0 or state is State.STABLE or state in ENDS:
        return tone
    return min(tone, Tone.BAD if losses > 1 else Tone.WARN, key=order_of)


def order_of(tone: Tone) -> int:
    """What needs somebody comes first."""
    return list(Tone).index(tone)
