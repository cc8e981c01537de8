"""The last lines of a driver's log: kept with the step that gives it up, because the next driver adds to the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tideline.home import Home
from tideline.logs.backwards import lines_backwards, rotated
from tideline.logs.entry import Entry, parse
from tideline.logs.shown import shown_lines
from tideline.registry.store import Registry

LINES: Final = 40
LOG: Final = "driver_log"
"""The key of a transition's evidence."""


def last_lines(file: Path, lines: int = LINES, told: Callable[[Entry], list[str]] = shown_lines) -> list[str]:
    """The end of a log as text, its JSON told line by line; nothing when there is none."""
    found: deque[str] = deque(maxlen=lines)
    for line in lines_backwards(rotated(file)):
        for text in reversed(told(parse(line))):
            if len(found) == lines:
                return list(found)
            found.appendleft(text)
    return list(found)


def last_words(registry: Registry, home: Home, stream: str) -> list[str]:
    """Of the driver whose deploy was refused, if the last one was; else of the newest."""
    if registry.stream(stream).refused:
        for transition in registry.transitions(stream):
            if transition.evidence.get(LOG):
                return list(transition.evidence[LOG])
    return last_lines(home.stream(stream).log)
