"""Reads a Spark checkpoint's offset and commit log from disk: a witness that needs no driver.

`offsets/N` is written before batch N runs, `commits/N` after its sink has returned; both begin with a line `v1`. An
offset log of version `v2` names its sources, in any order, and leaves out those without an offset yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.errors import UserError

_NAMED: Final = re.compile(r"[A-Za-z0-9_]+:")
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
        """The newest batch that was completed; an entry that was only half written is none."""
        commits = self._folder / "commits"
        whole = (batch for batch in batches_in(commits) if is_whole_commit((commits / str(batch)).read_text()))
        return next(whole, None)

    def offsets(self, batch: int) -> OffsetEntry | None:
        """The entry of a batch; None where it is absent or was only half written."""
        try:
            text = (self._folder / "offsets" / str(batch)).read_text()
        except FileNotFoundError:
            return None
        return parse_offsets(text)

    def query_id(self) -> str | None:
        """The id that Spark gave the checkpoint's query, and names in its failures; None before its first start."""
        try:
            return str(json.loads((self._folder / "metadata").read_text())["id"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

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
        """Where the first batch of the Kafka source begins (`sources/<its name, or 0>/0`: a NUL byte, `v1`, JSON)."""
        found = sorted((self._folder / "sources").glob("*/0"))
        starts = [json.loads(raw[raw.find(b"{") :]) for path in found if b"{" in (raw := path.read_bytes())]
        return _ends(starts) if starts else None


class UnreadableCheckpoint(UserError):
    """The checkpoint holds what this version cannot read, or cannot tell apart."""


def parse_offsets(text: str) -> OffsetEntry | None:
    """An offset log entry (version, metadata, a line a source); None where it is cut off.

    UnreadableCheckpoint for a version that is not known, or two sources of one topic.
    """
    version, *lines = text.split("\n")
    if len(lines) < 2 or not any(lines[1:]):
        return None
    if version not in ("v1", "v2"):
        raise UnreadableCheckpoint(
            f"the checkpoint's offset log is of version '{version}', known are v1 and v2",
            "unset spark.sql.streaming.offsetLog.formatVersion, and deploy a new generation",
        )
    try:
        metadata = json.loads(lines[0])
        ends = _ends([json.loads(line) for line in _sources(version, lines[1:])])
    except ValueError:
        return None
    return OffsetEntry(
        watermark_ms=int(metadata["batchWatermarkMs"]),
        timestamp_ms=int(metadata["batchTimestampMs"]),
        ends=ends,
        conf=dict(metadata.get("conf", {})),
    )


def _sources(version: str, lines: Iterable[str]) -> Iterator[str]:
    """The JSON of each source that has an offset; in v2 the source's name stands before it."""
    for line in lines:
        name = _NAMED.match(line) if version == "v2" else None
        offset = line[name.end() :] if name else line
        if offset and offset != "-":
            yield offset


def _ends(sources: Iterable[dict[str, dict[str, int]]]) -> Ends:
    found: Ends = {}
    for by_topic in sources:
        for topic, ends in by_topic.items():
            if topic in found:
                raise UnreadableCheckpoint(
                    f"two sources of the checkpoint read topic '{topic}': their offsets cannot be told apart",
                    "a stream reads a topic once: deploy a new generation",
                )
            found[topic] = {int(partition): int(offset) for partition, offset in ends.items()}
    return found


def is_whole_commit(text: str) -> bool:
    """Whether a commit log entry holds what Spark writes: `v1`, then JSON."""
    version, _, rest = text.partition("\n")
    try:
        return version.startswith("v") and isinstance(json.loads(rest), dict)
    except ValueError:
        return False


def _newest(folder: Path) -> int | None:
    return next(iter(batches_in(folder)), None)


def batches_in(folder: Path) -> list[int]:
    """The batches with an entry, newest first."""
    try:
        return sorted((int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()), reverse=True)
    except FileNotFoundError:
        return []
