"""What somebody is told of a stream, and the transitions that it is told by. Pure values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tideline.keeper.lifecycle import State
from tideline.keeper.verdict import Severity
from tideline.times import iso_ms

_PAGES: Final = frozenset({State.CRASH_LOOP, State.FAILED, State.ROLLING_BACK})
_BY_VERDICT: Final = frozenset({State.DEGRADED, State.UNKNOWN, State.UNHEALTHY})
"""States whose reason is what the keeper saw; of all others it is the state itself."""


@dataclass(frozen=True)
class Happened:
    """A transition, as far as notices go: `verdict` is what was the matter, `severity` the gravest warning's."""

    id: int
    stream: str
    before: State
    to: State
    verdict: str | None
    severity: Severity
    why: str
    actor: str
    epoch: int
    generation: int
    dag_run: str | None
    at: int

    @property
    def trouble(self) -> Trouble | None:
        """What somebody is to be told of; None when all is well or on its way."""
        if self.to in _PAGES:
            return Trouble(self.to, Severity.PAGE)
        if self.to in _BY_VERDICT:
            return Trouble(self.verdict or self.to, self.severity if self.to is State.DEGRADED else Severity.WARN)
        if self.to is State.BACKOFF and self.before is not State.UNHEALTHY:  # else what was the matter is told
            return Trouble(self.to, Severity.WARN)
        return None


@dataclass(frozen=True)
class Trouble:
    """The reason that notices are counted by: a verdict's kind or a state, never a text with numbers in it."""

    reason: str
    severity: Severity


@dataclass(frozen=True)
class Notice:
    """One thing to tell: a trouble, or that those of `ended` are over."""

    happened: Happened
    trouble: Trouble
    ended: tuple[str, ...] = ()

    @property
    def stream(self) -> str:
        return self.happened.stream

    @property
    def severity(self) -> Severity:
        return self.trouble.severity

    @property
    def text(self) -> str:
        """The notice in one line."""
        said = self.happened
        if self.ended:
            return f"{said.stream} is {said.to} again after {', '.join(self.ended)}: {said.why}"
        return f"[{self.severity}] {said.stream} is {said.to}: {said.why}"

    def as_dict(self) -> dict[str, Any]:
        """What notifiers send, and what their templates know."""
        said = self.happened
        return {
            "text": self.text,
            "stream": said.stream,
            "reason": self.trouble.reason,
            "severity": self.severity.value,
            "over": bool(self.ended),
            "ended": list(self.ended),
            "state": said.to.value,
            "why": said.why,
            "at": iso_ms(said.at),
            "epoch": said.epoch,
            "generation": said.generation,
            "actor": said.actor,
            "dag_run": said.dag_run,
            "transition": said.id,
        }


@dataclass(frozen=True)
class Told:
    """The last notice of one trouble that a notifier sent: by which transition, and when (epoch ms)."""

    trouble: Trouble
    transition: int
    at: int


def gravest(warnings: Sequence[Mapping[str, Any]] | None) -> Severity:
    """The gravest severity among a transition's recorded warnings."""
    told = {warning.get("severity") for warning in warnings or ()}
    return Severity.PAGE if Severity.PAGE in told else Severity.WARN
