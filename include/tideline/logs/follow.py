"""What is added to a stream's logs, as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tideline.logs.backwards import rotated
from tideline.logs.driver_log import placed
from tideline.logs.entry import Entry, parse
from tideline.logs.task_logs import attempts_since, source_of
from tideline.logs.transitions import transition_entries
from tideline.registry.rows import TransitionRow

_SLACK_MS: Final = 10_000
"""A file that was written to so long before the last look is looked at again."""
_TRANSITIONS: Final = 20
"""So many at most come between two looks."""


@dataclass
class Tail:
    """Reads on in a log that grows. Its files continue each other, the oldest first, and are told by their inodes:
    a log that is cut off goes on under another name."""

    files: Callable[[], Sequence[Path]]
    _read: dict[int, int] = field(default_factory=dict)
    _half: bytes = b""

    def skip(self) -> None:
        """What is there now is not told."""
        self._read = {status.st_ino: status.st_size for status in (file.stat() for file in self.files())}

    def look(self) -> list[bytes]:
        """The whole lines that were added since the last look."""
        added = b"".join(map(self._added, self.files()))
        *lines, self._half = (self._half + added).split(b"\n")
        return lines

    def _added(self, file: Path) -> bytes:
        try:
            with file.open("rb") as log:
                status = file.stat()
                begin = self._read.get(status.st_ino, 0)
                log.seek(begin if begin <= status.st_size else 0)
                added = log.read()
                self._read[status.st_ino] = log.tell()
                return added
        except FileNotFoundError:
            return b""


class Follower:
    """Follows a driver's log, what tasks log, and the transitions; made before the logs are searched, so that nothing
    is missed in between. `at` is the time now, in epoch ms."""

    def __init__(self, log: Path, tasks: Path, transitions: Callable[[int], Iterable[TransitionRow]], at: int) -> None:
        self._driver = Tail(lambda: [file for file in reversed(rotated(log)) if file.exists()])
        self._folder = tasks
        self._tasks = {file: Tail(_only(file)) for _, file in attempts_since(tasks, at - _SLACK_MS)}
        self._transitions = transitions
        self._told = {row.id for row in transitions(_TRANSITIONS)}
        self._looked_at = at
        for tail in (self._driver, *self._tasks.values()):
            tail.skip()

    def look(self, at: int) -> list[Entry]:
        """What was added since the last look, in the order of time."""
        found = [*self._of_driver(), *self._of_tasks(), *self._of_registry()]
        self._looked_at = at
        return sorted(found, key=lambda entry: entry.at or 0)

    def _of_driver(self) -> list[Entry]:
        return list(placed(map(parse, reversed(self._driver.look()))))[::-1]

    def _of_tasks(self) -> list[Entry]:
        found = []
        for _, file in attempts_since(self._folder, self._looked_at - _SLACK_MS):
            tail = self._tasks.setdefault(file, Tail(_only(file)))
            found += [replace(parse(line), source=source_of(file, self._folder)) for line in tail.look()]
        return [entry for entry in found if entry.at is not None]

    def _of_registry(self) -> list[Entry]:
        rows = [row for row in self._transitions(_TRANSITIONS) if row.id not in self._told]
        self._told |= {row.id for row in rows}
        return list(transition_entries(rows))


def _only(file: Path) -> Callable[[], Sequence[Path]]:
    return lambda: [file]
