"""The keeper's view of a checkpoint: the last commit, when it was written, and how far it got."""

from __future__ import annotations

from pathlib import Path

from tideline.checkpoint import CheckpointLog
from tideline.keeper.evidence import CheckpointView


def view_checkpoint(folder: Path, topic: str | None) -> CheckpointView:
    """What is there of it: a checkpoint may have no batch yet, or not exist."""
    log = CheckpointLog(folder)
    last = log.last_commit()
    planned_at = _written_at(folder / "offsets", log.last_offsets())
    if last is None:
        return CheckpointView(planned_at=planned_at)
    entry = log.offsets(last) if topic else None  # of another source offsets have another form
    return CheckpointView(
        last_commit=last,
        committed_at=_written_at(folder / "commits", last),
        ends=entry.ends.get(topic, {}) if entry and topic else None,
        watermark=entry.watermark_ms if entry else None,
        planned_at=planned_at,
    )


def _written_at(folder: Path, batch: int | None) -> int | None:
    return None if batch is None else int((folder / str(batch)).stat().st_mtime * 1000)
