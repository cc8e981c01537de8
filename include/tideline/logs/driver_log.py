"""A driver's log as entries. It is JSON, and between it what a JVM says before it logs, and what a job prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from tideline.logs.backwards import lines_backwards, rotated
from tideline.logs.entry import RAW, Entry, parse

SOURCE: Final = "driver"
MOST_RAW: Final = 10_000
"""Lines without a time between two that have one; more are told without."""


def driver_entries(log: Path, may_match: Callable[[bytes], bool] = lambda _: True) -> Iterator[Entry]:
    """Newest first, rotated files too. What is no JSON has the time and driver of the line before it.

    A line that cannot match may be left out, if it is JSON.
    """
    return placed(parse(line) for line in lines_backwards(rotated(log)) if may_match(line))


def placed(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Entries newest first, each raw one placed by the entry before it in time, else by the one after it."""
    waiting: list[Entry] = []
    last: Entry | None = None
    for entry in (replace(each, source=SOURCE) for each in entries):
        if entry.level == RAW and len(waiting) < MOST_RAW:
            waiting.append(entry)
            continue
        yield from _placed(waiting, entry)
        waiting.clear()
        last = entry
        yield entry
    yield from _placed(waiting, last)


def _placed(raw: Iterable[Entry], by: Entry | None) -> Iterator[Entry]:
    for entry in raw:
        yield entry if by is None else replace(entry, at=by.at, about=replace(by.about, batch=None))
