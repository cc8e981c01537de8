"""The last lines of a driver's log: kept with the step that gives it up, because the next driver begins another log."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tideline.home import Home
from tideline.registry.store import Registry

LINES: Final = 40
LOG: Final = "driver_log"
"""The key of a transition's evidence."""
_BYTES: Final = 65_536


def last_lines(file: Path, lines: int = LINES, most: int = _BYTES) -> list[str]:
    """The end of a log file, at most so many bytes of it; nothing when there is none."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - most))
            return log.read().decode(errors="replace").replace("\0", "\ufffd").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def last_words(registry: Registry, home: Home, stream: str) -> list[str]:
    """Of the driver whose deploy was refused, if the last one was; else of the newest."""
    if registry.stream(stream).refused:
        for transition in registry.transitions(stream):
            if transition.evidence.get(LOG):
                return list(transition.evidence[LOG])
    return last_lines(home.stream(stream).log)
