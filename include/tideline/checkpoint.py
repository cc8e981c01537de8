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
from typing import Final, TypeGuard

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
    """The log of one checkpoint folder, which need not exist yet; `lesser` as of `parse_offsets`."""

    def __init__(self, folder: Path, lesser: bool = False) -> None:
        self._folder = folder
        self._lesser = lesser

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
        return parse_offsets(text, self._lesser)

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
        """Where the first batch of the Kafka sources begins (`sources/<its name, or 0>/0`: a NUL byte, `v1`, JSON)."""
        found = sorted((self._folder / "sources").glob("*/0"))
        return _ends((_json_of(path.read_bytes()) for path in found), self._lesser) or None


class UnreadableCheckpoint(UserError):
    """The checkpoint holds what this version cannot read, or cannot tell apart."""


def parse_offsets(text: str, lesser: bool = False) -> OffsetEntry | None:
    """An offset log entry (version, metadata, a line a source); None where it is cut off.

    UnreadableCheckpoint for a version that is not known, or two sources of one topic; with `lesser`, each partition's
    end is that of the source which is behind.
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
        ends = _ends([json.loads(line) for line in _sources(version, lines[1:])], lesser)
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


def _json_of(raw: bytes) -> object:
    """What a source noted when it began; None where that is no JSON object, as of a file source's several lines."""
    try:
        return json.loads(raw[raw.index(b"{") :])
    except ValueError:
        return None


def _ends(sources: Iterable[object], lesser: bool) -> Ends:
    """Those of the Kafka sources; sources of other kinds note other JSON."""
    found: Ends = {}
    for by_topic in filter(_is_of_kafka, sources):
        for topic, ends in by_topic.items():
            if topic in found and not lesser:
                raise UnreadableCheckpoint(
                    f"two sources of the checkpoint read topic '{topic}': their offsets cannot be told apart",
                    "a stream reads a topic once: deploy a new generation",
                )
            known = found.setdefault(topic, {})
            for partition, offset in ((int(each), end) for each, end in ends.items()):
                known[partition] = min(known.get(partition, offset), offset)
    return found


def _is_of_kafka(noted: object) -> TypeGuard[dict[str, dict[str, int]]]:
    """Whether it is {topic: {partition: offset}}."""
    return isinstance(noted, dict) and all(
        isinstance(ends, dict) and all(part.isdecimal() and isinstance(end, int) for part, end in ends.items())
        for ends in noted.values()
    )


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
