"""Reads a checkpoint as Spark would when it goes on from it: every entry, and the checksum beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.checkpoint import UnreadableCheckpoint, batches_in, is_whole_commit, parse_offsets
from tideline.doctor.checksum import checksum_file, is_as_written
from tideline.doctor.subject import Subject
from tideline.keeper.deployed import parse_deployed
from tideline.spec.job import JobSpec
from tideline.tables.delta import last_version
from tideline.tables.schemas import PARTS_WRITER, StreamTables

_CUT_OFF: Final = "it is cut off, or is none of Spark's"
_ProblemOf = Callable[[str], str]


@dataclass(frozen=True)
class CheckpointSeen:
    """One generation's logs: by batch what is wrong with its entry, empty for one that is whole.

    `committed` was looked at before the offsets and `committed_since` after them, since a driver may be at it.
    `written` is the tables' last version, from before all of these.
    """

    stream: str
    folder: Path
    generation: int
    generations: tuple[int, ...]
    is_missed: bool
    metadata: str
    committed: Mapping[int, str]
    offsets: Mapping[int, str]
    committed_since: int | None
    written: int | None
    fix: str


def look_at_checkpoint(subject: Subject) -> CheckpointSeen:
    folder = subject.home.checkpoint(subject.generation)
    job = isinstance(parse_deployed(_spec(subject)), JobSpec)
    written = None if job else last_version(StreamTables(subject.tables).parts, PARTS_WRITER)
    proved = subject.attempt is not None and subject.attempt.stable_at is not None
    committed = _entries(folder / "commits", _commit_problem)
    goes_on = "which begins a new checkpoint" if job else "which goes on where the ledger ends"
    return CheckpointSeen(
        stream=subject.name,
        folder=folder,
        generation=subject.generation,
        generations=tuple(subject.generations),
        is_missed=not job and proved and not folder.is_dir(),
        metadata=_problem(folder / "metadata", _metadata_problem) or "",
        committed=committed,
        offsets=_entries(folder / "offsets", _job_problem if job else _offsets_problem),
        committed_since=max(batches_in(folder / "commits"), default=None),
        written=written,
        fix=f"put it back from a copy, or run `{subject.new_generation}`, {goes_on}",
    )


def _spec(subject: Subject) -> str:
    return subject.row.spec if subject.row else subject.home.spec.read_text()


def _entries(folder: Path, problem_of: _ProblemOf) -> dict[int, str]:
    found = {batch: _problem(folder / str(batch), problem_of) for batch in batches_in(folder)}
    return {batch: problem for batch, problem in found.items() if problem is not None}


def _problem(file: Path, problem_of: _ProblemOf) -> str | None:
    """Empty for what is whole; None for what is not there, or no longer."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return None
    with suppress(UnicodeDecodeError):
        changed = f"its bytes are not those that {checksum_file(file).name} was made of"
        return problem_of(raw.decode()) or ("" if is_as_written(file, raw) else changed)
    return "it is no text"


def _offsets_problem(text: str) -> str:
    try:
        return "" if parse_offsets(text) else _CUT_OFF
    except UnreadableCheckpoint as error:
        return error.message
    except (KeyError, TypeError, AttributeError):
        return _CUT_OFF


def _job_problem(text: str) -> str:
    """Of a job's sources the offsets may have any form."""
    version, *lines = text.split("\n")
    return "" if version.startswith("v") and len(lines) > 1 and _is_object(lines[0]) else _CUT_OFF


def _commit_problem(text: str) -> str:
    return "" if is_whole_commit(text) else _CUT_OFF


def _metadata_problem(text: str) -> str:
    return "" if _is_object(text) else _CUT_OFF


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
