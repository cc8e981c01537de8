"""What the keeper does in the world for a step, before the step is recorded."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from tideline.keeper.deployed import readable
from tideline.keeper.failures import Failure
from tideline.keeper.last_words import LOG, last_lines
from tideline.keeper.lifecycle import State
from tideline.keeper.look import Look
from tideline.keeper.loss import Loss, loss_of
from tideline.keeper.plan import Act, Step
from tideline.keeper.recording import (
    FAILURE,
    Caller,
    Way,
    failures_of,
    instead_of_a_person,
    left_by,
    record,
)
from tideline.keeper.restart_policy import Answer, Restart, Rules, decide
from tideline.keeper.submit import fence_and_submit
from tideline.keeper.tools import Tools
from tideline.registry.rows import Attempt, StreamRow
from tideline.shown_bytes import printable

KILL_GRACE_MS = 10_000
_GIVES_UP = frozenset({State.UNHEALTHY, State.ROLLING_BACK})
_NO_LOSSES: dict[str, Any] = {"losses": 0, "lost": None}
log = logging.getLogger(__name__)


def perform(tools: Tools, look: Look, step: Step, attempt: Attempt | None, by: Caller) -> StreamRow | None:
    """Performs a step; the row after it, or None when the world has not followed yet."""
    match step.act:
        case Act.FENCE_AND_SUBMIT:
            return fence_and_submit(tools, look, by)
        case Act.ANSWER_FAILURE:
            way = _answer(tools, look)
            way = replace(way, reason=f"{way.reason}{_end_given_up(tools, look)}")
            return record(tools.registry, look, instead_of_a_person(look.row, way), by)
        case Act.END if not _end(tools, look.row.name):
            return None
        case Act.ASK_TO_STOP:
            _ask_to_stop(tools, look.row)
    loss = _loss(tools, look) if step.to is State.UNHEALTHY else None
    left = left_by(look, attempt, step.to, loss.kind if loss else None)
    way = Way(step.to, loss.reason(step.reason, look.spec) if loss else step.reason)
    if look.proves(step.to):
        proved: dict[str, Any] = {"stable_spec": _deployed_text(tools, look.row), "prove_by": None, "probes": 0}
        forgotten = _NO_LOSSES if step.to is State.STABLE else {}
        return record(tools.registry, look, way, by, left, **proved, **forgotten)
    if look.row.state is State.ROLLING_BACK and step.to is State.FENCING and not look.row.has_request:
        return _put_back(tools, look, way, by, left)
    if look.row.state is State.CRASH_LOOP and step.to is State.FENCING and not look.row.has_request:
        return record(tools.registry, look, way, by, left, probes=look.row.probes + 1)
    lost: dict[str, Any] = {"losses": look.row.losses + 1, "lost": printable(way.reason)} if loss else {}
    return record(tools.registry, look, way, by, left, _told(tools, look, step, loss), **lost)


def _told(tools: Tools, look: Look, step: Step, loss: Loss | None) -> dict[str, Any]:
    """What a step's evidence has beside the look."""
    log = {LOG: last_lines(tools.home.stream(look.row.name).log, epoch=look.row.epoch)} if step.to in _GIVES_UP else {}
    return log | ({FAILURE: loss.as_dict()} if loss else {})


def _put_back(tools: Tools, look: Look, way: Way, by: Caller, left: Attempt | None) -> StreamRow:
    """On to the last stable spec; a person is asked where this version cannot read it any more."""
    spec, unreadable = readable(look.row.stable_spec or look.row.spec)
    if spec is None:
        refused = look.row.reason
        asks = Way(State.FAILED, f"{refused}; this version cannot read the last stable spec: {unreadable}")
        return record(tools.registry, look, asks, by, left, prove_by=None, refused=refused)
    return record(tools.registry, look, way, by, left, **_last_stable(look.row, spec.fingerprint()))


def _last_stable(row: StreamRow, fingerprint: str) -> dict[str, Any]:
    """What a stream gets back in place of the spec that was not proved: a new checkpoint where the numbers change."""
    begins = int(fingerprint != row.fingerprint)
    return {
        "spec": row.stable_spec,
        "fingerprint": fingerprint,
        "next_generation": row.next_generation + begins,
        "prove_by": None,
        "refused": row.reason,
        "budget_after": row.epoch,
    } | _NO_LOSSES


def _end(tools: Tools, stream: str) -> bool:
    tools.launcher.stop(stream, KILL_GRACE_MS)
    return not tools.launcher.observe(stream).alive


def _end_given_up(tools: Tools, look: Look) -> str:
    """Ends a driver that hangs or never started: nobody judges it while its successor waits, or a person is asked. What
    is to be said when it cannot be ended; the next submit tries again."""
    if look.evidence.launcher is None or not look.evidence.launcher.alive:
        return ""
    try:
        tools.launcher.kill(look.row.name)
        return "; its driver could not be ended" if tools.launcher.observe(look.row.name).alive else ""
    except Exception as error:
        log.exception("%s: the driver that was given up could not be ended", look.row.name)
        return f"; its driver could not be ended: {type(error).__name__}"


def _ask_to_stop(tools: Tools, row: StreamRow) -> None:
    """A file, not a signal: a signal to the group would take the JVM before the batch in flight is done."""
    file = tools.home.stream(row.name).stop_request
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(f"{row.epoch}\n")
    draft.replace(file)


def _deployed_text(tools: Tools, row: StreamRow) -> str:
    """The spec this driver runs; the row's may already be that of the next request."""
    file = tools.home.stream(row.name).spec
    return file.read_text() if file.exists() else row.spec


def _answer(tools: Tools, look: Look) -> Way:
    failures = _failures(tools, look, look.row.budget_after)
    if not failures:
        return Way(State.FENCING, look.row.reason)
    answer = decide(failures, Rules.of(look.spec), look.at, tools.jitter(), look.row.probes)
    return _way(answer, look.row.reason, look.at)


def _failures(tools: Tools, look: Look, after: int = 0) -> list[Failure]:
    name = look.row.name
    return failures_of(tools.registry.attempts(name), tools.registry.transitions(name, to=State.UNHEALTHY), after)


def _loss(tools: Tools, look: Look) -> Loss:
    return loss_of(tools.home.stream(look.row.name), look, _failures(tools, look))


def _way(answer: Restart, reason: str, now: int) -> Way:
    reason = f"{reason}; {answer.why}"
    match answer.answer:
        case Answer.ASK:
            return Way(State.FAILED, reason)
        case Answer.CRASH_LOOP:
            return Way(State.CRASH_LOOP, reason, retry_at=answer.at)
        case Answer.RESTART if answer.at > now:
            return Way(State.BACKOFF, reason, retry_at=answer.at)
    return Way(State.FENCING, reason)
