"""How a driver was lost, told from what it left: its exit status, its log, its heartbeat and its checkpoint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tideline.errors import UserError
from tideline.home import StreamHome
from tideline.kafka_access import REDACTED
from tideline.keeper.checkpoint_view import batch_in_flight
from tideline.keeper.exit_status import classify
from tideline.keeper.failures import FailedBatch, Failure, FailureClass
from tideline.keeper.last_words import last_lines
from tideline.keeper.look import Look
from tideline.keeper.poison import poison_text, with_poison
from tideline.logs.shown import told_lines
from tideline.spec.job import JobSpec, Spec

# A JVM says much on its way out: what decides can stand 190 lines before the end.
_LINES: Final = 400
_SHOWN: Final = 200


@dataclass(frozen=True)
class Loss:
    """The class of a failure, and the batch it failed in if its records may be the cause."""

    kind: FailureClass
    batch: FailedBatch | None
    by_itself: bool = False
    """Whether the driver said what ended it: then it was no signal."""

    def as_dict(self) -> dict[str, Any]:
        return {"class": self.kind, "batch": self.batch.as_dict() if self.batch else None}

    def reason(self, verdict: str, spec: Spec) -> str:
        """The verdict's, of poison what a person has to know, and of what could not be reached where it was sought."""
        if self.kind is FailureClass.POISON and self.batch is not None:
            return f"{verdict}; {poison_text(spec, self.batch)}"
        where = _where(spec) if self.kind is FailureClass.INFRASTRUCTURE and self.by_itself else ""
        return f"{verdict}; {where}" if where else verdict


def loss_of(home: StreamHome, look: Look, earlier: Sequence[Failure]) -> Loss:
    """Reads what the driver left; the `earlier` failures tell whether it is the same again."""
    launcher = look.evidence.launcher
    status = launcher.exit_status if launcher and not launcher.alive else None
    kind = classify(look.verdict.kind, status, last_lines(home.log, _LINES, told_lines, look.row.epoch))
    batch = _failed_batch(home, look)
    beat = look.evidence.own_heartbeat
    return Loss(with_poison(kind, batch, earlier), batch, beat is not None and beat.exception is not None)


def _where(spec: Spec) -> str:
    """What a driver was told to reach: an exception of the network often names no address."""
    if isinstance(spec, JobSpec):
        shown = {name: value for name, value in spec.arguments.items() if not re.search(REDACTED, name)}
        told = ", ".join(f"{name} {value}" for name, value in shown.items())
        return f"its arguments are {told[:_SHOWN]}" if told else ""
    return f"it reads topic {spec.topic}"


def _failed_batch(home: StreamHome, look: Look) -> FailedBatch | None:
    beat, topic = look.evidence.own_heartbeat, look.spec.topic
    if beat is None or beat.fingerprint is None or topic is None:
        return None
    try:
        offsets = batch_in_flight(home.checkpoint(look.row.generation), topic)
    except (OSError, ValueError, KeyError, UserError):  # a damaged checkpoint has its own failure
        return None
    return FailedBatch(beat.fingerprint, topic, offsets) if offsets else None
