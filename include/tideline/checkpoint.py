"""Reads a Spark checkpoint's offset and commit log from disk: a witness that needs no driver.

`offsets/N` is written before batch N runs, `commits/N` after its sink has returned; both begin with a line `v1`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

Ends = dict[str, dict[int, int]]


@dataclass(frozen=True)
class OffsetEntry:
    """One entry of the offset log: E(N), the batch's recorded time, its end offsets by topic and partition."""

    watermark_ms: int
    timestamp_ms: int
    ends: Ends
    conf: dict[str, str]


class CheckpointLog:
    """The log of one checkpoint folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def last_offsets(self) -> int | None:
        """The newest batch that was planned."""
        return _newest(self._folder / "offsets")

    def last_commit(self) -> int | None:
        """The newest batch that was completed."""
        return _newest(self._folder / "commits")

    def offsets(self, batch: int) -> OffsetEntry | None:
        """The entry of a batch; None where it is absent or was only half written."""
        try:
            text = (self._folder / "offsets" / str(batch)).read_text()
        except FileNotFoundError:
            return None
        return parse_offsets(text)

    def late_watermark_ms(self, batch: int) -> int | None:
        """L(N), by which batch N dropped: E(N-1), or 0 for the first batch."""
        if batch == 0:
            return 0
        before = self.offsets(batch - 1)
        return before.watermark_ms if before else None

    def starts(self, batch: int) -> Ends | None:
        """The offsets a batch begins at; a partition that is new in it begins at its initial offset."""
        if batch:
            before = self.offsets(batch - 1)
            return before.ends if before else None
        return self.initial_offsets()

    def initial_offsets(self) -> Ends | None:
        """Where the first batch of a Kafka source begins (`sources/0/0`: a NUL byte, `v1`, JSON)."""
        try:
            raw = (self._folder / "sources" / "0" / "0").read_bytes()
        except FileNotFoundError:
            return None
        start = raw.find(b"{")
        return _ends(json.loads(raw[start:])) if start >= 0 else None


def parse_offsets(text: str) -> OffsetEntry | None:
    """An offset log entry (version, metadata, a line a source); None where it is cut off."""
    lines = text.split("\n")
    if len(lines) < 3 or lines[0] != "v1":
        return None
    try:
        metadata = json.loads(lines[1])
        ends: Ends = {}
        for line in lines[2:]:
            if line and line != "-":
                ends.update(_ends(json.loads(line)))
    except ValueError:
        return None
    return OffsetEntry(
        watermark_ms=int(metadata["batchWatermarkMs"]),
        timestamp_ms=int(metadata["batchTimestampMs"]),
        ends=ends,
        conf=dict(metadata.get("conf", {})),
    )


def _ends(by_topic: dict[str, dict[str, int]]) -> Ends:
    return {topic: {int(p): int(offset) for p, offset in ends.items()} for topic, ends in by_topic.items()}


def _newest(folder: Path) -> int | None:
    try:
        batches = [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
    except FileNotFoundError:
        return None
    return max(batches, default=None)
