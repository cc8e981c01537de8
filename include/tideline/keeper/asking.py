"""Turns what a person asks into a request the registry can hold."""

from __future__ import annotations

from pathlib import Path

from tideline.keeper.lifecycle import Desired
from tideline.keeper.verdict import Thresholds
from tideline.registry.requests import Request
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.spec.job import Spec


def ask_to_deploy(registry: Registry, spec: Spec, file: Path, actor: str, new_generation: bool = False) -> StreamRow:
    """Wants a stream RUNNING by this spec.

    Where its source, watermark or metrics have changed, or a new generation is asked for, a new checkpoint is begun:
    the old one's state means what the spec said when it was made, or is lost.
    """
    within = Thresholds.of(spec).prove_within_ms
    asked = Request(spec.name, Desired.RUNNING, actor, file.read_text(), spec.fingerprint(), new_generation, within)
    return registry.request(asked)
