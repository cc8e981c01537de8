"""The heartbeat a driver writes every two seconds: the witness that dies with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Heartbeat:
    """What a driver says of itself; times are epoch milliseconds, `ends` are the last committed batch's offsets."""

    stream: str
    epoch: int
    tag: str
    at: int
    generation: int = 0
    pid: int | None = None
    state: str = "starting"
    batch: int | None = None
    batch_at: int | None = None
    batch_ms: int | None = None
    # How many batches this driver has finished.
    batches: int = 0
    # The end of the last trigger, with data or without; a driver that moves always moves this.
    progress_at: int | None = None
    rows: int | None = None
    ends: dict[str, dict[str, int]] | None = None
    watermark: int | None = None
    # The newest batch that dropped something, by this driver: it stays when later ones drop nothing.
    late_version: int | None = None
    trigger_ms: int | None = None
    idle_triggers: int = 0
    # What fails while the rest goes on: each with `part`, `reason` and `since`.
    troubles: Sequence[Mapping[str, Any]] = ()
    # What ended it; the fingerprint is of an exception that records of the batch in flight may have caused.
    exception: str | None = None
    fingerprint: str | None = None
    ui: str | None = None
    # Where Prometheus reads the driver's metrics.
    metrics: str | None = None

    @property
    def moved_at(self) -> int | None:
        """When the driver last finished a trigger; without that, an idle driver's word counts as long as it beats."""
        if self.progress_at is not None:
            return self.progress_at
        return self.at if self.idle_triggers else self.batch_at


_KNOWN = frozenset(field.name for field in fields(Heartbeat))


def parse_heartbeat(text: str) -> Heartbeat | None:
    """None for what is no heartbeat; keys of a newer driver are passed over."""
    try:
        values: Any = json.loads(text)
        return Heartbeat(**{name: value for name, value in values.items() if name in _KNOWN})
    except (ValueError, TypeError, AttributeError):
        return None


def read_heartbeat(path: Path) -> Heartbeat | None:
    """None when there is none."""
    try:
        return parse_heartbeat(path.read_text())
    except FileNotFoundError:
        return None
