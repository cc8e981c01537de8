"""The last lines of a driver's log: kept with the step that gives it up, because the next driver adds to the log.

Much in it names no epoch: a JVM that ends, a traceback, a job's own output. So each driver's part begins with a line of
the keeper's.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Final

from tideline.home import Home
from tideline.keeper.lifecycle import State
from tideline.logs.backwards import lines_backwards, rotated
from tideline.logs.context import About
from tideline.logs.entry import Entry, parse
from tideline.logs.shown import shown_lines
from tideline.registry.store import Registry
from tideline.times import iso_millis

LINES: Final = 40
LOG: Final = "driver_log"
"""The key of a transition's evidence."""
_BEGINS: Final = "tideline.keeper.begins"
"""The logger of the line that a driver's part of the log begins with."""


def begin_log(file: Path, driver: About, tag: str, at: int) -> None:
    """Begins a driver's part of the log, at `at` (epoch ms), while none runs."""
    said = {"ts": iso_millis(at), "level": "INFO", "logger": _BEGINS, "message": f"{tag} is to begin"}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as log:
        end = log.seek(0, 2)
        log.seek(max(0, end - 1))
        is_cut = log.read() not in (b"", b"\n")
        log.write(b"\n" * is_cut + json.dumps(said | driver.known()).encode() + b"\n")


def last_lines(
    file: Path, lines: int = LINES, told: Callable[[Entry], list[str]] = shown_lines, epoch: int | None = None
) -> list[str]:
    """The end of a log as text, its JSON told line by line; nothing when there is none. With an `epoch` only what the
    newest driver said, which is of that."""
    found: deque[str] = deque(maxlen=lines)
    for line in lines_backwards(rotated(file)):
        entry = parse(line)
        if epoch is not None and _is_before(entry, epoch):
            break
        for text in reversed(told(entry)):
            if len(found) == lines:
                return list(found)
            found.appendleft(text)
    return list(found)


def _is_before(entry: Entry, epoch: int) -> bool:
    """Whether the driver's part is over, on the way back."""
    return entry.about.epoch is not None and (entry.about.epoch < epoch or entry.logger == _BEGINS)


def last_words(registry: Registry, home: Home, stream: str) -> list[str]:
    """Of the driver whose deploy was refused, if the last one was; else of the newest."""
    row = registry.stream(stream)
    if not row.refused:
        return last_lines(home.stream(stream).log, epoch=row.epoch)
    back = dropwhile(lambda step: step.to_state is not State.ROLLING_BACK, registry.transitions(stream))
    of_refused = takewhile(lambda step: step.to_state is not State.STABLE, back)
    return next((list(step.evidence[LOG]) for step in of_refused if step.evidence.get(LOG)), [])
