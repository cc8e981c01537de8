"""A stream's states of the last day, as stretches of a bar. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tideline.keeper.lifecycle import State
from tideline.page.tones import Tone, tone_of
from tideline.registry.rows import TransitionRow

SPAN_MS: Final = 86_400_000
WIDTH: Final = 1_000


@dataclass(frozen=True)
class Stretch:
    """From when to when (epoch ms) a stream was in a state, and where that is in a bar of `WIDTH`."""

    state: State
    start: int
    end: int
    x: int
    width: int

    @property
    def tone(self) -> Tone:
        return tone_of(self.state)


def timeline(newest_first: Sequence[TransitionRow], now: int) -> tuple[Stretch, ...]:
    """The last day up to now, or since the oldest of these transitions; each stretch is at least a sliver."""
    steps = list(reversed(newest_first))
    if not steps:
        return ()
    begin = max(now - SPAN_MS, steps[0].at)
    ends = [step.at for step in steps[1:]] + [now]
    pairs = [(step.to_state, max(begin, step.at), end) for step, end in zip(steps, ends, strict=True) if end > begin]
    scale = WIDTH / max(1, now - begin)
    return tuple(
        Stretch(state, start, end, round((start - begin) * scale), max(2, round((end - start) * scale)))
        for state, start, end in pairs
    )
