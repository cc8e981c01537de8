"""The specs that a stream was asked to run by, each with what it changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff

from tideline.registry.rows import SpecRow


@dataclass(frozen=True)
class DiffLine:
    """A line of a difference: `kind` is added, removed or same."""

    kind: str
    text: str


@dataclass(frozen=True)
class SpecStep:
    """A spec as it was asked for, what became of it, and its difference from the one before; the first has none."""

    number: int
    asked_by: str
    at: int
    stable_at: int | None
    refused: str | None
    diff: tuple[DiffLine, ...]


def spec_history(newest_first: Sequence[SpecRow]) -> tuple[SpecStep, ...]:
    """Newest first; of the oldest there is nothing to tell a difference from."""
    older = [*newest_first[1:], None]
    return tuple(
        SpecStep(row.number, row.asked_by, row.at, row.stable_at, row.refused, _diff(before, row))
        for row, before in zip(newest_first, older, strict=True)
    )


def _diff(before: SpecRow | None, after: SpecRow) -> tuple[DiffLine, ...]:
    if before is None:
        return ()
    lines = list(unified_diff(before.spec.splitlines(), after.spec.splitlines(), lineterm="", n=2))
    return tuple(DiffLine(_kind(line), line) for line in lines[2:])


def _kind(line: str) -> str:
    return {"+": "added", "-": "removed"}.get(line[:1], "same")
