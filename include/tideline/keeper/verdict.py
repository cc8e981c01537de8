"""What can be said of a driver, and the limits by which it is said."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from tideline.spec.model import Driven


class Kind(StrEnum):
    """What can be said of a driver."""

    STARTING = "Starting"
    UNPROVEN = "Unproven"
    HEALTHY = "Healthy"
    IDLE = "Idle"
    PART_FAILS = "PartFails"
    HEARTBEAT_LOST = "HeartbeatLost"
    UNKNOWN = "Unknown"
    DRIVER_LOST = "DriverLost"
    NEVER_STARTED = "NeverStarted"
    HUNG = "Hung"


LOST = frozenset({Kind.DRIVER_LOST, Kind.NEVER_STARTED, Kind.HUNG})


@dataclass(frozen=True)
class Thresholds:
    """The limits a verdict is made by, shown with it."""

    stable_batches: int = 3
    stable_idle_triggers: int = 3
    hung_after_ms: int = 60_000
    start_within_ms: int = 120_000
    trigger_ms: int = 10_000
    heartbeat_lost_after_ms: int = 15_000

    @classmethod
    def of(cls, spec: Driven) -> Thresholds:
        health = spec.health
        return cls(
            stable_batches=health.stable_batches,
            hung_after_ms=health.hung_after,
            start_within_ms=health.start_within,
            trigger_ms=spec.trigger,
        )

    @property
    def prove_within_ms(self) -> int:
        """How long a changed spec has to be proved: its start, and the triggers that prove it."""
        return self.start_within_ms + (self.stable_batches + 1) * max(self.trigger_ms, 15_000)

    def patience_ms(self, batch_ms: int | None) -> int:
        """How long a driver with backlog may stand still: long batches and triggers are no hanging."""
        return max(self.hung_after_ms, 3 * self.trigger_ms, 2 * (batch_ms or 0))


@dataclass(frozen=True)
class Verdict:
    """What is the matter, why, and by which thresholds."""

    kind: Kind
    why: str
    thresholds: Thresholds

    def as_dict(self) -> dict[str, Any]:
        return {"verdict": self.kind, "why": self.why, "thresholds": asdict(self.thresholds)}
