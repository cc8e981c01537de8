"""A stream's checkpoint: whether its next driver can go on from it, and whether it is the one of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tideline.doctor.checkpoint_seen import CheckpointSeen
from tideline.doctor.finding import Finding
from tideline.versions import batch_of, generation_of, version_of

WHAT: Final = "checkpoint"
_LOOKED_AT: Final = 50
"""Entries back in which a hole is one: Spark removes the older ones in any order, beside the query."""


def judge_checkpoint(seen: CheckpointSeen) -> Iterator[Finding]:
    """The first fault of a kind is told: a driver stops at it, and the fix is one for all."""
    for where, problem in _faults(seen):
        yield Finding(WHAT, f"{seen.stream}, {where}", problem, seen.fix)


def _faults(seen: CheckpointSeen) -> Iterator[tuple[str, str]]:
    newer = [number for number in seen.generations if number > seen.generation]
    if newer:
        yield "registry", f"it is at generation {seen.generation}, and there is a folder g{newer[-1]} of a newer one"
    if seen.is_missed:
        yield str(seen.folder), "it is gone, and its driver was STABLE before"
    if seen.metadata:
        yield str(seen.folder / "metadata"), seen.metadata
    broken = [(kind, batch) for kind, log in _logs(seen) for batch in sorted(log, reverse=True) if log[batch]]
    for kind, batch in broken[:1]:
        yield str(seen.folder / kind / str(batch)), dict(_logs(seen))[kind][batch]
    if not broken:
        yield from ((str(seen.folder), problem) for problem in _order_problems(seen))


def _logs(seen: CheckpointSeen) -> tuple[tuple[str, Mapping[int, str]], ...]:
    return ("offsets", seen.offsets), ("commits", seen.committed)


def _order_problems(seen: CheckpointSeen) -> Iterator[str]:
    """A batch that is planned and not committed is in flight: the next driver runs it again."""
    planned, committed = max(seen.offsets, default=-1), max(seen.committed, default=-1)
    if committed > planned:
        last = "none is planned" if planned < 0 else f"the last that is planned is {planned}"
        yield f"batch {committed} is committed, and {last}: its offsets are lost"
        return
    since = max(committed, -1 if seen.committed_since is None else seen.committed_since)
    if planned > since + 1:
        yield f"batch {planned} is planned, and the last that is committed is {since}: commits between them are lost"
    holes = [batch for batch in range(max(min(seen.offsets, default=0), planned - _LOOKED_AT), planned)
             if batch not in seen.offsets]  # fmt: skip
    if holes:
        yield f"the offsets of batch {holes[-1]} are lost"
    yield from _table_problems(seen, planned)


def _table_problems(seen: CheckpointSeen, planned: int) -> Iterator[str]:
    """Tables are written between plan and commit, so they are never ahead of the plan."""
    if seen.written is None:
        return
    if seen.written >= version_of(seen.generation + 1, 0) - 1:  # the cut of the next one stands just before it
        newer = generation_of(seen.written + 1)
        yield f"the tables were written by generation {newer}, and the registry is at {seen.generation}"
    elif generation_of(seen.written) == seen.generation and batch_of(seen.written) > planned:
        batch = batch_of(seen.written)
        yield f"it is older than its tables: they hold batch {batch}, and the last that is planned is {planned}"
