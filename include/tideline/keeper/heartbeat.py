"""The heartbeat a driver writes every two seconds: the witness that dies with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from tideline.shown_bytes import printable

_SAID: Final = 1_000
"""Characters of an exception or a trouble that are kept: a record's own text can be as long as it likes."""


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
    # Triggers that found nothing, since the last batch and since the driver's start; none while a batch is in flight.
    idle_triggers: int = 0
    quiet_triggers: int = 0
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
    """None for what is no heartbeat; keys of a newer driver are passed over.

    What it says in words may be a record's own: a database takes no NUL, and a terminal obeys what it can.
    """
    try:
        values: Any = json.loads(text)
        said = {name: value for name, value in values.items() if name in _KNOWN}
        if said.get("exception"):
            said["exception"] = _plain(said["exception"])
        said["troubles"] = [{**each, "reason": _plain(each["reason"])} for each in said.get("troubles", ())]
        return Heartbeat(**said)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


def _plain(text: str) -> str:
    return printable(text if len(text) <= _SAID else f"{text[:_SAID]}...")


def read_heartbeat(path: Path) -> Heartbeat | None:
    """None when there is none."""
    try:
        return parse_heartbeat(path.read_text())
    except FileNotFoundError:
        return None
