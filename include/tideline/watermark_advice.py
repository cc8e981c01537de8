"""Which watermark delay to choose: what each would have lost, and what it costs. Pure.

A candidate is the stream's smallest delay; every metric keeps what it waits beyond that. Spark fixes the delay when a
query starts, so a change takes a deploy, which begins a new generation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from tideline.lateness import extra_delay_us
from tideline.lateness_stats import (
    Measured,
    known_to,
    late_events,
    lateness_of,
    smallest_delay_ms,
    whole_seconds,
)
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec

MOMENTS: Final = 200
LONGEST_MS: Final = 7 * 86_400_000
"""As long as Kafka keeps records by default: what lies further behind is no late event, but a log of another time."""


@dataclass(frozen=True)
class WindowGroups:
    """How many groups (keys) one window of a metric came to; its end in us."""

    metric: str
    window_end_us: int
    groups: int


@dataclass(frozen=True)
class Choice:
    """One delay: the events it would have lost, their share, how much later results are final than now (ms, negative
    for sooner), and the groups held in state on average and at most; None where no window is known."""

    delay_ms: int
    late: int
    share: float
    later_ms: int
    groups_mean: float | None
    groups_most: int | None


@dataclass(frozen=True)
class Advice:
    """All choices, ascending, and the delay advised: the least that keeps the share at or below the target, None where
    not even the `longest_ms` does."""

    target: float
    present_ms: int
    choices: tuple[Choice, ...]
    advised_ms: int | None
    longest_ms: int = LONGEST_MS


def advise(
    spec: StreamSpec,
    ledger: Sequence[LedgerRow],
    measured: Sequence[Measured],
    groups: Iterable[WindowGroups],
    target: float,
) -> Advice:
    """The advice from all batches that ran by `spec`."""
    present = spec.smallest_delay_ms
    held = HeldGroups(spec, groups, [known_to(spec, row) for row in ledger])
    longest = max(LONGEST_MS, present)
    advised = smallest_delay_ms(measured, target)
    advised = None if advised is None or advised > longest else advised
    events = sum(pane.events for pane in measured)
    choices = []
    for delay in candidates(measured, present, advised, longest):
        late = late_events(measured, delay)
        mean, most = held.under(delay)
        choices.append(Choice(delay, late, late / events if events else 0.0, delay - present, mean, most))
    return Advice(target, present, tuple(choices), advised if events else None, longest)


def candidates(
    measured: Sequence[Measured], present_ms: int, advised_ms: int | None, longest_ms: int = LONGEST_MS
) -> list[int]:
    """The present delay, the advised one (the longest where none is), the quantiles of lateness in whole seconds up to
    the longest, and half-way between those that lie far apart."""
    quantiles = [value for value in lateness_of(measured, present_ms).quantiles.values() if value is not None]
    fixed = {whole_seconds(value) for value in quantiles if whole_seconds(value) <= longest_ms}
    fixed |= {present_ms, longest_ms if advised_ms is None else advised_ms}
    between = {whole_seconds((low + high) // 2) for low, high in pairwise(sorted(fixed)) if high > 1.2 * low}
    return sorted(fixed | between)


class HeldGroups:
    """Estimates the groups in state: at the moments when batches began, the windows begun and not closed, each with
    all groups that it came to in the end. A window still filling is counted full: the estimate is rather too high."""

    def __init__(self, spec: StreamSpec, groups: Iterable[WindowGroups], known_ms: Iterable[int | None]) -> None:
        found = list(groups)
        closes = [(g.window_end_us + extra_delay_us(spec, g.metric), g.groups) for g in found]
        opens = [(g.window_end_us - spec.metrics[g.metric].window * 1000, g.groups) for g in found]
        self._closes, self._closed = _running(closes)
        self._opens, self._opened = _running(opens)
        known = [moment for moment in known_ms if moment is not None]
        self._moments = known[:: max(1, len(known) // MOMENTS)]

    def under(self, delay_ms: int) -> tuple[float | None, int | None]:
        """Mean and greatest number of groups held with this smallest delay."""
        if not self._moments or not self._closes:
            return None, None
        held = [self._held(moment, delay_ms) for moment in self._moments]
        return sum(held) / len(held), max(held)

    def _held(self, known_ms: int, delay_ms: int) -> int:
        begun = self._opened[bisect_right(self._opens, known_ms * 1000)]
        closed = self._closed[bisect_right(self._closes, (known_ms - delay_ms) * 1000)]
        return begun - closed


def _running(weighted: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Places in order, and the weight before each."""
    ordered = sorted(weighted)
    return [place for place, _ in ordered], list(accumulate((weight for _, weight in ordered), initial=0))
