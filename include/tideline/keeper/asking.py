"""Turns what a person asks into a request the registry can hold, or refuses it with the reason."""

from __future__ import annotations

from pathlib import Path

from tideline.errors import UserError
from tideline.home import Home
from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.keeper.lifecycle import Desired
from tideline.registry.requests import Request
from tideline.registry.rows import StreamRow, UnknownStream
from tideline.registry.store import Registry
from tideline.spec.model import StreamSpec


def ask_to_deploy(registry: Registry, home: Home, spec: StreamSpec, file: Path, actor: str) -> StreamRow:
    """Wants a stream RUNNING by this spec; UserError when its checkpoint was made by another."""
    refuse_other_numbers(registry, home, spec)
    request = Request(spec.name, Desired.RUNNING, actor, file.read_text(), spec.fingerprint())
    return registry.request(request)


def refuse_other_numbers(registry: Registry, home: Home, spec: StreamSpec) -> None:
    """A checkpoint's state means what the spec said when it was made: another spec would read it wrongly."""
    try:
        row = registry.stream(spec.name)
    except UnknownStream:
        return
    checkpoint = home.stream(spec.name).checkpoint(row.generation)
    begun = view_checkpoint(checkpoint, spec.source.topic).last_commit is not None
    if begun and row.fingerprint != spec.fingerprint():
        raise UserError(
            f"{spec.name}: its source, watermark or metrics have changed since generation {row.generation} began, "
            f"and the checkpoint {checkpoint} holds state of the spec before",
            "put those parts back as they were, or give the new spec a name of its own",
        )
