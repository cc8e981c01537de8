"""What the four witnesses say of a driver: its launcher, its checkpoint, its heartbeat, and Kafka's end offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tideline.keeper.heartbeat import Heartbeat
from tideline.keeper.samples import Sample
from tideline.launcher.base import LauncherState


@dataclass(frozen=True)
class CheckpointView:
    """The offset and commit logs, readable without the driver; `ends` are those of the last committed batch, and where
    the first one begins before that."""

    last_commit: int | None = None
    committed_at: int | None = None
    ends: Mapping[int, int] | None = None
    watermark: int | None = None
    planned_at: int | None = None


def backlog_of(seen: CheckpointView, log_ends: Mapping[int, int]) -> int:
    """Offsets beyond what was read; a partition it does not know is still to be read whole."""
    done = seen.ends or {}
    return sum(max(0, end - done.get(partition, 0)) for partition, end in log_ends.items())


@dataclass(frozen=True)
class Unread:
    """How near the oldest record that was not read is to its removal by Kafka: 1 is gone, and why."""

    share: float
    reason: str


@dataclass(frozen=True)
class Evidence:
    """One look at a stream; a witness that could not be asked is None."""

    tag: str
    epoch: int
    submitted_at: int
    base_batch: int
    proved: bool
    launcher: LauncherState | None
    heartbeat: Heartbeat | None
    checkpoint: CheckpointView | None
    log_ends: Mapping[int, int] | None
    reads_topic: bool = True
    history: tuple[Sample, ...] = ()
    unread: Unread | None = None

    @property
    def own_heartbeat(self) -> Heartbeat | None:
        """The heartbeat, if this epoch's driver wrote it and not the one before."""
        beat = self.heartbeat
        return beat if beat is not None and beat.epoch == self.epoch else None

    @property
    def batches(self) -> int:
        """How many batches this attempt has committed: by the commit log, or where none is kept by its own word."""
        last = self.checkpoint.last_commit if self.checkpoint else None
        if last is not None:
            return max(0, last - self.base_batch)
        beat = self.own_heartbeat
        return beat.batches if beat is not None and not self.reads_topic else 0

    @property
    def rows(self) -> int:
        """Of the last batch of this attempt."""
        beat = self.own_heartbeat
        return (beat.rows if beat else None) or 0

    @property
    def longest_batch_ms(self) -> int | None:
        """Of this attempt's batches that were seen, as far back as looks are remembered; None of none."""
        beat = self.own_heartbeat
        lengths = [beat.batch_ms if beat else None, *(each.batch_ms for each in self.history)]
        return max((each for each in lengths if each is not None), default=None)

    @property
    def backlog(self) -> int | None:
        """Offsets in Kafka beyond the last committed batch; None while a witness for it is missing."""
        if self.log_ends is None or self.checkpoint is None:
            return None
        return backlog_of(self.checkpoint, self.log_ends)

    @property
    def progress_at(self) -> int:
        """When this attempt last moved, by any witness; its submit, if it never has.

        To plan a batch is to move: else a stream that wakes after a long idle time would look as if it hung.
        """
        beat, seen = self.own_heartbeat, self.checkpoint
        said = [beat.moved_at] if beat else []
        logged = [seen.committed_at, seen.planned_at] if seen else []
        return max(self.submitted_at, *(at or 0 for at in [*said, *logged]))

    @property
    def unread_share(self) -> float | None:
        """How near the oldest record that was not read is to its removal; None while that is not known."""
        if self.backlog == 0:
            return 0.0
        return self.unread.share if self.unread else None

    def sample(self, at: int) -> Sample:
        """What this look leaves for later ones."""
        beat, seen = self.own_heartbeat, self.checkpoint
        return Sample(
            at=at,
            epoch=self.epoch,
            backlog=self.backlog if self.reads_topic else None,
            read=sum(seen.ends.values()) if seen and seen.ends else None,
            watermark=seen.watermark if seen else None,
            batch=beat.batch if beat else None,
            batch_ms=beat.batch_ms if beat else None,
            rows=beat.rows if beat else None,
            unread=self.unread_share if self.reads_topic else None,
        )

    def as_dict(self) -> dict[str, Any]:
        """For the transition's record: the witnesses' words and what follows from them, without earlier looks."""
        said = asdict(replace(self, history=()))
        del said["history"]
        follows = {name: getattr(self, name) for name in ("batches", "backlog", "progress_at", "longest_batch_ms")}
        return said | follows
