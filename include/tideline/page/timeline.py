"""A stream's states of the last day, as stretches of a bar. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tideline.keeper.lifecycle import State
from tideline.keeper.recording import LOSSES
from tideline.page.tones import Tone, tone_of
from tideline.registry.rows import TransitionRow

SPAN_MS: Final = 86_400_000
WIDTH: Final = 1_000
MARK: Final = 4
"""The width of a mark."""


@dataclass(frozen=True)
class Stretch:
    """From when to when (epoch ms) a stream was in a state, and where that is in a bar of `WIDTH`."""

    state: State
    tone: Tone
    start: int
    end: int
    x: int
    width: int


@dataclass(frozen=True)
class Mark:
    """Where in the bar a driver was lost, when (epoch ms), and how; it is as wide as can be seen."""

    at: int
    why: str
    x: int
    width: int = MARK


@dataclass(frozen=True)
class Timeline:
    """The bar, and on it the losses: the states that follow a loss are often over in the same look."""

    stretches: tuple[Stretch, ...] = ()
    losses: tuple[Mark, ...] = ()


def timeline(newest_first: Sequence[TransitionRow], now: int) -> Timeline:
    """The last day up to now, or since the oldest of these transitions; each stretch is at least a sliver."""
    steps = list(reversed(newest_first))
    if not steps:
        return Timeline()
    begin = max(now - SPAN_MS, steps[0].at)
    ends = [step.at for step in steps[1:]] + [now]
    scale = WIDTH / max(1, now - begin)
    stretches, marks = [], []
    for step, end in zip(steps, ends, strict=True):
        if end <= begin:
            continue
        start = max(begin, step.at)
        x, tone = round((start - begin) * scale), tone_of(step.to_state, step.evidence.get(LOSSES, 0))
        stretches.append(Stretch(step.to_state, tone, start, end, x, max(2, round((end - start) * scale))))
        if step.to_state is State.UNHEALTHY:
            marks.append(Mark(step.at, step.reason, min(x, WIDTH - MARK)))
    return Timeline(tuple(stretches), tuple(marks))
