"""What can be said of a driver, and the limits by which it is said."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum, StrEnum
from typing import Any

from tideline.spec.job import JobSpec
from tideline.spec.model import Driven


class Kind(StrEnum):
    """What can be said of a driver."""

    STARTING = "Starting"
    UNPROVEN = "Unproven"
    SEEN_ONCE = "SeenOnce"
    FALLS_BEHIND = "FallsBehind"
    HEALTHY = "Healthy"
    IDLE = "Idle"
    PART_FAILS = "PartFails"
    BACKLOG_RISING = "BacklogRising"
    WATERMARK_STALLED = "WatermarkStalled"
    BATCH_SLOWER_THAN_TRIGGER = "BatchSlowerThanTrigger"
    RETENTION_RISK = "RetentionRisk"
    HEARTBEAT_LOST = "HeartbeatLost"
    UNKNOWN = "Unknown"
    DRIVER_LOST = "DriverLost"
    NEVER_STARTED = "NeverStarted"
    HUNG = "Hung"


LOST = frozenset({Kind.DRIVER_LOST, Kind.NEVER_STARTED, Kind.HUNG})
WARNED = frozenset(
    {
        Kind.PART_FAILS,
        Kind.BACKLOG_RISING,
        Kind.WATERMARK_STALLED,
        Kind.BATCH_SLOWER_THAN_TRIGGER,
        Kind.RETENTION_RISK,
    }
)


AGAINST_THE_SPEC = frozenset({Kind.PART_FAILS, Kind.BACKLOG_RISING})
"""Warnings that may be a changed spec's doing."""


WELL = frozenset({Kind.STARTING, Kind.UNPROVEN, Kind.SEEN_ONCE, Kind.FALLS_BEHIND, Kind.HEALTHY, Kind.IDLE})
"""Of these nobody is told."""


class Proof(Enum):
    """Whether a driver has shown that its spec works."""

    PROVED = "proved"
    OPEN = "open"
    """The next look will tell."""
    LACKING = "lacking"


class Severity(StrEnum):
    """Whether somebody is to be woken."""

    WARN = "warn"
    PAGE = "page"


@dataclass(frozen=True)
class Warned:
    """One thing that is not as it should be while the driver runs."""

    kind: Kind
    why: str
    severity: Severity = Severity.WARN


@dataclass(frozen=True)
class Thresholds:
    """The limits a verdict is made by, shown with it."""

    stable_batches: int = 3
    stable_idle_triggers: int = 3
    hung_after_ms: int = 60_000
    start_within_ms: int = 120_000
    trigger_ms: int = 10_000
    heartbeat_lost_after_ms: int = 15_000
    # A backlog counts as rising from so many offsets on, and when it grew by so many percent.
    backlog_from: int = 1_000
    backlog_rise: int = 10
    watermark_stalled_after_ms: int = 900_000
    # A job may do without one, and only its checkpoint can tell; Spark writes 0 there.
    declares_watermark: bool = True
    slow_batch_ms: int = 5_000
    # How much of the time that Kafka keeps a record may have passed before it is read, in percent.
    retention_warn: int = 50
    retention_page: int = 80

    @classmethod
    def of(cls, spec: Driven) -> Thresholds:
        health = spec.health
        return cls(
            stable_batches=health.stable_batches,
            stable_idle_triggers=health.stable_idle_triggers,
            hung_after_ms=health.hung_after,
            start_within_ms=health.start_within,
            trigger_ms=spec.trigger,
            heartbeat_lost_after_ms=health.heartbeat_lost_after,
            backlog_from=health.backlog_from,
            backlog_rise=health.backlog_rise,
            watermark_stalled_after_ms=health.watermark_stalled_after,
            declares_watermark=not isinstance(spec, JobSpec),
            slow_batch_ms=health.slow_batch,
            retention_warn=health.retention_warn,
            retention_page=health.retention_page,
        )

    @property
    def prove_within_ms(self) -> int:
        """How long a changed spec has to be proved: its start, and the triggers that prove it."""
        triggers = max(self.stable_batches, self.stable_idle_triggers) + 1
        return self.start_within_ms + triggers * max(self.trigger_ms, 15_000)

    def patience_ms(self, longest_batch_ms: int | None) -> int:
        """How long a driver with backlog may stand still: long batches and triggers are no hanging."""
        return max(self.hung_after_ms, 3 * self.trigger_ms, 2 * (longest_batch_ms or 0))


@dataclass(frozen=True)
class Verdict:
    """What is the matter, why, and by which thresholds; `warnings` are of a driver that runs, the gravest first: it is
    proved under one too that no spec could help."""

    kind: Kind
    why: str
    thresholds: Thresholds
    warnings: tuple[Warned, ...] = ()
    proof: Proof = Proof.LACKING

    @property
    def label(self) -> str:
        """What is the matter, as a reason begins with it: that somebody is to be woken for it is another matter."""
        return f"{self.kind} (page)" if Severity.PAGE in {each.severity for each in self.warnings} else self.kind

    def as_dict(self) -> dict[str, Any]:
        told = {"warnings": [asdict(each) for each in self.warnings]} if self.warnings else {}
        return {"verdict": self.kind, "why": self.why, "thresholds": asdict(self.thresholds)} | told
