"""One look at a stream: the evidence, the verdict on it, and the step that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tideline.keeper.deployed import parse_deployed
from tideline.keeper.evidence import Evidence
from tideline.keeper.health import judge
from tideline.keeper.lifecycle import State
from tideline.keeper.plan import Step, next_step
from tideline.keeper.verdict import Proof, Thresholds, Verdict
from tideline.keeper.witnesses import Witnesses
from tideline.registry.rows import Attempt, StreamRow
from tideline.spec.job import Spec


@dataclass(frozen=True)
class Look:
    """What was seen of a stream and what it comes to; `step` is None when there is nothing to do."""

    row: StreamRow
    spec: Spec
    evidence: Evidence
    verdict: Verdict
    step: Step | None
    at: int

    def proves(self, to: State) -> bool:
        """Whether a step there says that the driver's spec works."""
        return to is State.STABLE or (to is State.DEGRADED and self.verdict.proof is Proof.PROVED)

    def as_dict(self) -> dict[str, Any]:
        """For the transition's record."""
        return {**self.verdict.as_dict(), **self.evidence.as_dict(), "seen_at": self.at}


def look_at(row: StreamRow, attempt: Attempt | None, witnesses: Witnesses, now: int) -> Look:
    """One look by itself: nothing is said that it takes earlier ones to tell."""
    spec = parse_deployed(row.spec)
    return conclude(row, spec, witnesses.look(row, spec.topic, attempt), now)


def conclude(row: StreamRow, spec: Spec, evidence: Evidence, now: int) -> Look:
    """What the evidence comes to."""
    verdict = judge(evidence, Thresholds.of(spec), now)
    return Look(row, spec, evidence, verdict, next_step(row, evidence, verdict, now), now)
