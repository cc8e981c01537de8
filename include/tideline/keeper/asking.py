"""Turns what a person asks into a request the registry can hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tideline.errors import UserError
from tideline.keeper.deployed import readable
from tideline.keeper.lifecycle import Desired
from tideline.keeper.verdict import Thresholds
from tideline.registry.requests import Request
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.spec.job import Spec

Check = Callable[[Spec], None]
"""UserError for a spec by which no driver would start: the one that runs is not ended for it."""


def ask_to_deploy(registry: Registry, spec: Spec, file: Path, actor: str, new_generation: bool = False) -> StreamRow:
    """Wants a stream RUNNING by this spec.

    Where its source, watermark or metrics have changed, or a new generation is asked for, a new checkpoint is begun:
    the old one's state means what the spec said when it was made, or is lost.
    """
    return _deploy(registry, spec, file.read_text(), actor, "deploy", new_generation)


def ask_to_end(registry: Registry, stream: str, actor: str, end: Desired) -> StreamRow:
    """Wants a stream STOPPED, or SUSPENDED until it is resumed: the batch in flight is finished first."""
    row = registry.stream(stream)
    if end is Desired.SUSPENDED and row.desired is Desired.STOPPED:
        raise UserError(f"{stream} is stopped", f"deploy it first: `tideline deploy {stream}`")
    return registry.request(Request(stream, end, actor, asked_for="stop" if end is Desired.STOPPED else "suspension"))


def ask_to_resume(registry: Registry, stream: str, actor: str) -> StreamRow:
    """Wants a suspended stream RUNNING again by the spec it had; one that runs stays as it is."""
    if registry.stream(stream).desired is Desired.STOPPED:
        raise UserError(f"{stream} is stopped, not suspended", f"deploy it: `tideline deploy {stream}`")
    return registry.request(Request(stream, Desired.RUNNING, actor, asked_for="resumption"))


def ask_to_restart(registry: Registry, stream: str, actor: str, check: Check) -> StreamRow:
    """Wants a new driver, by the same spec and from the same checkpoint, once the one that runs has finished its
    batch."""
    row = registry.stream(stream)
    if row.desired is not Desired.RUNNING:
        raise UserError(f"{stream} is not wanted running", f"resume or deploy it: `tideline deploy {stream}`")
    check(_read(stream, row.spec))
    return registry.request(Request(stream, Desired.RUNNING, actor, again=True, asked_for="restart"))


def ask_to_roll_back(registry: Registry, stream: str, actor: str, check: Check) -> StreamRow:
    """Wants a stream RUNNING by the newest other spec by which it was STABLE."""
    row = registry.stream(stream)
    before = next((each.spec for each in registry.specs(stream) if each.stable_at and each.spec != row.spec), None)
    if before is None:
        raise UserError(f"{stream} was STABLE by no other spec than its own", "deploy the spec that is wanted")
    spec = _read(stream, before)
    check(spec)
    return _deploy(registry, spec, before, actor, "rollback")


def _read(stream: str, text: str) -> Spec:
    spec, why = readable(text)
    if spec is None:
        raise UserError(f"{stream}: this version cannot read the spec it would run by: {why}", "deploy it anew")
    return spec


def _deploy(
    registry: Registry, spec: Spec, text: str, actor: str, asked_for: str, new_generation: bool = False
) -> StreamRow:
    within = Thresholds.of(spec).prove_within_ms
    wanted = (spec.name, Desired.RUNNING, actor, text, spec.fingerprint(), new_generation, within)
    return registry.request(Request(*wanted, asked_for=asked_for))
