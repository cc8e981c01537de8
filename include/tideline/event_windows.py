"""The windows that given events belong to: what must be recomputed when events appear or vanish."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tideline.generations import Era
from tideline.lateness import pane_ms, windows_of
from tideline.ledger import LedgerRow
from tideline.recompute import Window, closed_windows


def windows_at(era: Era, times_us: Iterable[int]) -> frozenset[Window]:
    """Every window of the era that holds one of the event times, and can still be computed."""
    pane = pane_ms(era.spec) * 1000
    starts = {time // pane * pane for time in times_us}
    return frozenset(w for start in starts for w in windows_of(era.spec, start) if era.kept.hold(w[1]))


@dataclass(frozen=True)
class Recomputation:
    """Windows to be recomputed, those that must wait until they are closed, and the event time [from, to) in us that
    the closed ones cover."""

    closed: frozenset[Window]
    still_open: frozenset[Window]
    covers: tuple[int, int] | None

    @property
    def windows(self) -> frozenset[Window]:
        return self.closed | self.still_open


def recomputation(eras: Sequence[Era], windows: frozenset[Window], last: LedgerRow | None) -> Recomputation:
    """An open window's next part would not know of what was recomputed, so it waits until it is closed."""
    owned = [(era, closed_windows(era, windows, last) if last else frozenset()) for era in eras]
    spans = [(end - era.spec.metrics[name].window * 1000, end) for era, found in owned for name, end in found]
    closed = frozenset(window for _, found in owned for window in found)
    covers = (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
    return Recomputation(closed, windows - closed, covers)
