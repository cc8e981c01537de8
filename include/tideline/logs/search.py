"""Finds what is wanted in all logs of a stream, in the order of time."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Final

from tideline.errors import UserError
from tideline.logs.entry import LEVELS, RAW, Entry, timed

_BATCH: Final = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Wanted:
    """What is asked for; None asks for all. `level` is the least one."""

    stream: str
    generation: int | None = None
    batch: int | None = None
    epoch: int | None = None
    level: str | None = None

    def matches(self, entry: Entry) -> bool:
        """What is no JSON stands in the log of the stream's driver alone, and has no level."""
        about = entry.about
        is_its = about.stream == self.stream or (entry.level == RAW and about.stream is None)
        asked = ((self.generation, about.generation), (self.batch, about.batch), (self.epoch, about.epoch))
        return (
            is_its
            and all(wanted in (None, found) for wanted, found in asked)
            and (self.level is None or is_at_least(entry.level, self.level))
        )

    def may_match(self, line: bytes) -> bool:
        """False only of lines that do not match: told without reading their JSON."""
        return self.batch is None or re.search(rb'batch[\\"]+ ?: ?[\\"]*%d\b' % self.batch, line) is not None

    def may_match_task(self, line: bytes) -> bool:
        """The same of a line of a task, which tells of many streams."""
        return self.stream.encode() in line and self.may_match(line)


def parse_batch(text: str) -> tuple[int, int]:
    """Generation and batch of `G/N`."""
    found = _BATCH.fullmatch(text.strip())
    if found is None:
        raise UserError(f"'{text}' names no batch", "write generation and batch as in `tideline ledger`: 1/42")
    return int(found[1]), int(found[2])


def parse_level(text: str) -> str:
    """A level by its name, in any case."""
    level = text.strip().upper()
    if level not in LEVELS:
        raise UserError(f"'{text}' is no level", f"choose from {', '.join(LEVELS).lower()}")
    return level


def is_at_least(level: str, least: str) -> bool:
    return level in LEVELS and LEVELS.index(level) >= LEVELS.index(least)


def newest(sources: Iterable[Iterator[Entry]], wanted: Wanted, most: int | None) -> list[Entry]:
    """The newest entries that are wanted, at most so many, oldest first; each source gives its own newest first."""
    found = heapq.merge(*map(timed, sources), key=itemgetter(0), reverse=True)
    matching = (entry for _, entry in found if wanted.matches(entry))
    return list(islice(matching, most))[::-1]
