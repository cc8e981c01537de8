"""The next step for a stream: a pure function of its row, the evidence and the clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tideline.keeper.evidence import Evidence
from tideline.keeper.exit_status import told_status
from tideline.keeper.lifecycle import ENDS, LIVE, WAITS_FOR_A_PERSON, Desired, State
from tideline.keeper.verdict import LOST, WARNED, Kind, Proof, Verdict
from tideline.launcher.base import LauncherState
from tideline.registry.rows import StreamRow

DRAIN_MS = 60_000  # longer than a driver takes to finish the batch in flight and stop its query


class Act(StrEnum):
    """What is done in the world along with a step."""

    NOTHING = "nothing"
    ASK_TO_STOP = "ask to stop"
    END = "end"
    FENCE_AND_SUBMIT = "fence and submit"
    ANSWER_FAILURE = "answer a failure"


@dataclass(frozen=True)
class Step:
    """Where to go, why, and what to do for it; after a failure the policy may choose another way than `to`."""

    act: Act
    reason: str
    to: State


def next_step(row: StreamRow, seen: Evidence, verdict: Verdict, now: int) -> Step | None:
    """None when there is nothing to do now."""
    if row.desired is not Desired.RUNNING:
        return _towards_the_end(row, State(row.desired), seen.launcher, now)
    if row.state in ENDS:
        return Step(Act.NOTHING, f"{row.asked_by} asked for it", State.FENCING)
    if row.has_request and row.state in LIVE | {State.UNHEALTHY}:
        return Step(Act.ASK_TO_STOP, f"{row.asked_by} asked for a {row.asked_for or 'new start'}", State.UPGRADING)
    if row.has_request and row.state in WAITS_FOR_A_PERSON | {State.BACKOFF}:
        return Step(Act.NOTHING, f"{row.asked_by} asked again", State.FENCING)
    if row.state in (State.DRAINING, State.UPGRADING, State.ROLLING_BACK):
        return _once_gone(row, State.FENCING, seen.launcher, now)
    if row.is_overdue(now) and row.state in LIVE | {State.BACKOFF} and _speaks_against(verdict):
        act = Act.NOTHING if row.state is State.BACKOFF else Act.ASK_TO_STOP
        return Step(act, f"not proved in time: {verdict.kind}: {verdict.why}", State.ROLLING_BACK)
    if row.state in LIVE:
        return _by_verdict(row, seen, verdict)
    return _on_the_way(row, seen, now)


def _speaks_against(verdict: Verdict) -> bool:
    """Not where the spec is proved after all, or nobody can say."""
    return verdict.proof is Proof.LACKING and verdict.kind is not Kind.UNKNOWN


def _towards_the_end(row: StreamRow, end: State, launcher: LauncherState | None, now: int) -> Step | None:
    if row.state is end:
        return None
    if row.state in ENDS:
        return Step(Act.NOTHING, f"{row.asked_by} asked for it", end)
    if row.state is not State.DRAINING:
        return Step(Act.ASK_TO_STOP, f"{row.asked_by} asked for it", State.DRAINING)
    return _once_gone(row, end, launcher, now)


def _once_gone(row: StreamRow, after: State, launcher: LauncherState | None, now: int) -> Step | None:
    """Goes on when the driver has ended, and ends it when its time to drain is over."""
    if launcher is None:
        return None
    if not launcher.alive:
        return Step(
            Act.NOTHING, ", ".join(filter(None, ["the driver has ended", told_status(launcher.exit_status)])), after
        )
    if now - row.state_since > DRAIN_MS:
        return Step(Act.END, f"the driver was ended, not drained within {DRAIN_MS // 1000} s", after)
    return None


def _on_the_way(row: StreamRow, seen: Evidence, now: int) -> Step | None:
    """The states between two drivers; a keeper that died in one of them left it to the next."""
    launcher = seen.launcher
    if row.state is State.FENCING and launcher is not None:
        return Step(Act.FENCE_AND_SUBMIT, "a new epoch keeps every older driver out", State.SUBMITTING)
    if row.state is State.SUBMITTING and launcher is not None:
        if launcher.alive and launcher.tag == seen.tag:
            return Step(Act.NOTHING, f"{seen.tag} was submitted and is adopted", State.STARTING)
        return Step(Act.NOTHING, f"{seen.tag} does not run", State.FENCING)
    if row.state is State.UNHEALTHY:
        return Step(Act.ANSWER_FAILURE, row.reason, State.FENCING)
    if row.state is State.BACKOFF and now >= (row.retry_at or 0):
        return Step(Act.NOTHING, f"waited: {row.reason}", State.FENCING)
    if row.state is State.CRASH_LOOP and row.retry_at and now >= row.retry_at:
        return Step(Act.NOTHING, f"probe {row.probes + 1} of a crash loop: is it over?", State.FENCING)
    return None


_STATE_OF = {
    Kind.STARTING: State.STARTING,
    Kind.UNPROVEN: State.DEPLOYED,
    Kind.SEEN_ONCE: State.DEPLOYED,
    Kind.FALLS_BEHIND: State.DEPLOYED,
    Kind.HEALTHY: State.STABLE,
    Kind.IDLE: State.STABLE,
    Kind.HEARTBEAT_LOST: State.DEGRADED,
    **dict.fromkeys(WARNED, State.DEGRADED),
    Kind.UNKNOWN: State.UNKNOWN,
    **dict.fromkeys(LOST, State.UNHEALTHY),
}


_TOLD_ANEW = frozenset({State.DEPLOYED, State.DEGRADED})
"""States that may have another reason now."""


def _by_verdict(row: StreamRow, seen: Evidence, verdict: Verdict) -> Step | None:
    to = _STATE_OF[verdict.kind]
    # Once seen running, a driver is not called starting again: a heartbeat missing for a moment is no new start.
    if to is State.STARTING and row.state is not State.UNKNOWN:
        return None
    is_told = to not in _TOLD_ANEW or row.reason.startswith(f"{verdict.label}: ")
    is_proof = to is State.DEGRADED and verdict.proof is Proof.PROVED and not seen.proved
    if to is row.state and is_told and not is_proof:
        return None
    return Step(Act.NOTHING, f"{verdict.label}: {verdict.why}", to)
