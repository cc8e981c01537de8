"""How late a stream's events are, and what another watermark delay would have done, from the ledger alone. Pure.

The ledger counts events by pane, so lateness is known up to a pane's length: an event counts as late as its pane's
first instant would, and no lateness said here is too small. Whether a pane was late is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tideline.lateness import first_drop_at_us
from tideline.ledger import LedgerRow, Pane
from tideline.spec.model import StreamSpec

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
ALWAYS: Final = 1 << 62
"""The overshoot of what every delay drops: windows that end at the epoch or before."""

Weights = Mapping[int, int]


def greatest_known_ms(late_ms: int, delay_ms: int) -> int | None:
    """The greatest event time known to a batch when it began: L(N) and the stream's smallest delay.

    None while L(N) is 0: then nothing is known, and nothing after the epoch is late.
    """
    return late_ms + delay_ms if late_ms else None


@dataclass(frozen=True)
class Measured:
    """The events of one partition and pane in one batch: how far they lay behind (0 where they were ahead, None where
    nothing was known yet), and the greatest delay that drops them (None where no delay does), both in ms."""

    partition: int
    events: int
    lateness_ms: int | None
    overshoot_ms: int | None

    def is_late(self, delay_ms: int) -> bool:
        return self.overshoot_ms is not None and delay_ms <= self.overshoot_ms


def measure(spec: StreamSpec, ledger: Iterable[LedgerRow]) -> list[Measured]:
    """All panes of batches that ran by `spec`; what they lost of older eras' windows, no delay would have kept."""
    return [_measured(spec, known_to(spec, row), pane) for row in ledger for pane in row.panes]


def known_to(spec: StreamSpec, row: LedgerRow) -> int | None:
    """The greatest event time known to a batch that ran by `spec`, in ms."""
    return greatest_known_ms(row.filtered_by_ms, spec.smallest_delay_ms)


def _measured(spec: StreamSpec, known_ms: int | None, pane: Pane) -> Measured:
    drop_at_ms = first_drop_at_us(spec, pane.pane) // 1000
    lateness = None if known_ms is None else max(0, known_ms - pane.pane // 1000)
    overshoot = None if known_ms is None or known_ms < drop_at_ms else known_ms - drop_at_ms
    return Measured(pane.partition, pane.events, lateness, ALWAYS if drop_at_ms <= 0 else overshoot)


@dataclass(frozen=True)
class Lateness:
    """Events, those that lost a window, and quantiles of lateness in ms over those whose lateness is known."""

    events: int
    late: int
    quantiles: dict[str, int | None]

    @property
    def share(self) -> float:
        return self.late / self.events if self.events else 0.0


def lateness_of(measured: Iterable[Measured], delay_ms: int) -> Lateness:
    """The lateness of all that was measured, taken together."""
    panes = list(measured)
    weights = _weights((pane.lateness_ms, pane.events) for pane in panes)
    return Lateness(
        sum(pane.events for pane in panes),
        late_events(panes, delay_ms),
        {name: quantile(weights, share) for name, share in QUANTILES.items()},
    )


def by_partition(measured: Iterable[Measured]) -> dict[int, list[Measured]]:
    found: dict[int, list[Measured]] = {}
    for pane in measured:
        found.setdefault(pane.partition, []).append(pane)
    return dict(sorted(found.items()))


def late_events(measured: Iterable[Measured], delay_ms: int) -> int:
    """The events that would have lost a window, had the stream's smallest delay been this."""
    return sum(pane.events for pane in measured if pane.is_late(delay_ms))


def quantile(weights: Weights, share: float) -> int | None:
    """The least value that at least this share of the weight does not exceed; None where there is no weight."""
    total, reached = sum(weights.values()), 0
    for value in sorted(weights):
        reached += weights[value]
        if reached >= share * total:
            return value
    return max(weights, default=None)


def smallest_delay_ms(measured: Iterable[Measured], target: float) -> int | None:
    """The least delay, in whole seconds, that would have lost at most this share of events; None where none does."""
    panes = list(measured)
    allowed = target * sum(pane.events for pane in panes)
    overshoots = _weights((pane.overshoot_ms, pane.events) for pane in panes)
    late, delay = 0, 0
    for overshoot in sorted(overshoots, reverse=True):
        late += overshoots[overshoot]
        if late > allowed:
            delay = overshoot + 1
            break
    return None if delay > ALWAYS else whole_seconds(delay)


def whole_seconds(milliseconds: int) -> int:
    """Rounded up, in ms."""
    return -(-milliseconds // 1000) * 1000


def _weights(values: Iterable[tuple[int | None, int]]) -> dict[int, int]:
    weights: dict[int, int] = {}
    for value, events in values:
        if value is not None:
            weights[value] = weights.get(value, 0) + events
    return weights
