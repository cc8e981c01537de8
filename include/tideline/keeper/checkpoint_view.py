"""The keeper's view of a checkpoint: the last commit, when it was written, how far it got, and what is in flight."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tideline.checkpoint import CheckpointLog
from tideline.errors import UserError
from tideline.keeper.evidence import CheckpointView
from tideline.offset_ranges import OffsetRanges, merged

UNREADABLE: Final = (OSError, ValueError, KeyError, UserError)
"""What a view raises of a checkpoint that is damaged, of another version, or not this user's to read."""


def view_checkpoint(folder: Path, topic: str | None) -> CheckpointView:
    """What is there of it: a checkpoint may have no batch yet, or not exist. A job may read a topic more than once."""
    log = CheckpointLog(folder, lesser=True)
    last = log.last_commit()
    planned_at = _written_at(folder / "offsets", log.last_offsets())
    if last is None:
        return CheckpointView(ends=_begins(log, topic) if topic else None, planned_at=planned_at)
    entry = log.offsets(last) if topic else None  # of another source offsets have another form
    return CheckpointView(
        last_commit=last,
        committed_at=_written_at(folder / "commits", last),
        ends=entry.ends.get(topic, {}) if entry and topic else None,
        watermark=entry.watermark_ms if entry else None,
        planned_at=planned_at,
    )


def _begins(log: CheckpointLog, topic: str) -> Mapping[int, int] | None:
    """Where the first batch begins: a new generation reads no topic whole. None before its source has told."""
    initial = log.initial_offsets()
    return initial.get(topic) if initial else None


def batch_in_flight(folder: Path, topic: str) -> OffsetRanges:
    """The offsets of the batch that was planned and not committed: a driver that follows reads the same again."""
    log = CheckpointLog(folder)
    planned = log.last_offsets()
    if planned is None or planned == log.last_commit():
        return {}
    entry, starts = log.offsets(planned), log.starts(planned)
    if entry is None or starts is None:
        return {}
    first = starts.get(topic, {})
    return merged({part: [(first.get(part, 0), end)] for part, end in entry.ends.get(topic, {}).items()})


def _written_at(folder: Path, batch: int | None) -> int | None:
    return None if batch is None else int((folder / str(batch)).stat().st_mtime * 1000)
