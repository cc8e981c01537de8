"""The specs that a stream was asked to run by, each with what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Final

from tideline.registry.rows import SpecRow
from tideline.registry.store import Registry

SHOWN: Final = 10


@dataclass(frozen=True)
class DiffLine:
    """A line of a difference: `kind` is added, removed or same."""

    kind: str
    text: str


@dataclass(frozen=True)
class SpecStep:
    """A spec as it was asked for, what became of it, and its difference from the one before: None of the first."""

    number: int
    asked_by: str
    at: int
    stable_at: int | None
    refused: str | None
    diff: tuple[DiffLine, ...] | None


def newest_specs(registry: Registry, stream: str) -> tuple[SpecStep, ...]:
    """Newest first; one more is read than is shown, for the last one's difference."""
    return spec_history(registry.specs(stream, SHOWN + 1))[:SHOWN]


def spec_history(newest_first: Sequence[SpecRow]) -> tuple[SpecStep, ...]:
    """Newest first; of the oldest there is nothing to tell a difference from."""
    older = [*newest_first[1:], None]
    return tuple(
        SpecStep(row.number, row.asked_by, row.at, row.stable_at, row.refused, _diff(before, row) if before else None)
        for row, before in zip(newest_first, older, strict=True)
    )


def _diff(before: SpecRow, after: SpecRow) -> tuple[DiffLine, ...]:
    lines = list(unified_diff(before.spec.splitlines(), after.spec.splitlines(), lineterm="", n=2))
    return tuple(DiffLine(_kind(line), line) for line in lines[2:])


def _kind(line: str) -> str:
    return {"+": "added", "-": "removed"}.get(line[:1], "same")
