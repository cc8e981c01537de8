"""The lines of a log from its end: of a long log only what is asked for is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import Final

BLOCK: Final = 262_144
LONGEST_LINE: Final = 8 << 20
"""A line that is longer is given in pieces."""


def rotated(log: Path) -> list[Path]:
    """A log and what was cut off before it, the newest first: LOG, LOG.1, LOG.2."""
    older = (log.with_name(f"{log.name}.{number}") for number in count(1))
    return [log, *takewhile(Path.exists, older)]


def lines_backwards(files: Iterable[Path], block: int = BLOCK) -> Iterator[bytes]:
    """The lines of files that continue each other, the newest file first; the newest line first, without its end.

    A line may begin in one file and end in the next newer one.
    """
    tail, is_empty, is_end = b"", True, True
    for chunk in _blocks_backwards(files, block):
        lines = (chunk + tail).split(b"\n")
        tail, is_empty = lines[0], False
        if is_end and len(lines) > 1:
            is_end = False
            if lines[-1] == b"":
                lines.pop()
        yield from reversed(lines[1:])
        if len(tail) > LONGEST_LINE:
            yield tail
            tail = b""
    if not is_empty:
        yield tail


def _blocks_backwards(files: Iterable[Path], block: int) -> Iterator[bytes]:
    for file in files:
        try:
            with file.open("rb") as log:
                end = log.seek(0, 2)
                while end:
                    begin = max(0, end - block)
                    log.seek(begin)
                    yield log.read(end - begin)
                    end = begin
        except FileNotFoundError:  # it was cut off, or removed, since it was seen
            continue
