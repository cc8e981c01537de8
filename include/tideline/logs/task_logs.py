"""What Airflow's tasks logged of a stream: one file an attempt, each line with the stream it is about."""

from __future__ import annotations

import heapq
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

from tideline.logs.backwards import lines_backwards
from tideline.logs.entry import Entry, parse, timed

DAY_MS: Final = 86_400_000
_PARTS: Final = ("dag_id=", "run_id=", "task_id=")


def attempts_since(folder: Path, since_ms: int = 0) -> list[tuple[int, Path]]:
    """The files that were written to since then, with when they last were (epoch ms), the newest first.

    `folder` is that of all tasks: DAG, run and task are folders in it, named `dag_id=...` and so on.
    """
    found = [(int(file.stat().st_mtime * 1000), file) for file in _files(folder, since_ms)]
    return sorted(found, reverse=True)


def all_task_entries(
    folder: Path, since_ms: int = 0, may_match: Callable[[bytes], bool] = lambda _: True
) -> Iterator[Entry]:
    """Of all attempts, newest first. A file is opened when all that is newer than its last line was given."""
    waiting = deque(attempts_since(folder, since_ms))
    opened: list[tuple[int, int, Entry, Iterator[tuple[int, Entry]]]] = []
    number = count()

    def push(lines: Iterator[tuple[int, Entry]]) -> None:
        for at, entry in lines:
            heapq.heappush(opened, (-at, next(number), entry, lines))
            return

    while waiting or opened:
        while waiting and (not opened or waiting[0][0] >= -opened[0][0]):
            push(timed(task_entries(waiting.popleft()[1], folder, may_match)))
        if opened:
            _, _, entry, lines = heapq.heappop(opened)
            yield entry
            push(lines)


def task_entries(file: Path, folder: Path, may_match: Callable[[bytes], bool] = lambda _: True) -> Iterator[Entry]:
    """The entries of one attempt, newest first; those without a time are left out."""
    source = source_of(file, folder)
    for line in lines_backwards([file]):
        if may_match(line):
            entry = parse(line)
            if entry.at is not None:
                yield replace(entry, source=source)


def source_of(file: Path, folder: Path) -> str:
    """`reconcile_late_data.reconcile`: the DAG and its task."""
    parts = file.relative_to(folder).parts
    named = [
        part.removeprefix(prefix) for prefix in (_PARTS[0], _PARTS[2]) for part in parts if part.startswith(prefix)
    ]
    return ".".join(named)


def _files(folder: Path, since_ms: int) -> Iterator[Path]:
    """A run's folder changes when a task of it begins: of one that did not for a day nothing goes on."""
    for dag in _folders(folder, "dag_id=", 0):
        for run in _folders(dag, "run_id=", since_ms - DAY_MS):
            for place, _, names in os.walk(run):
                files = (Path(place) / name for name in names if ".log" in name)
                yield from (file for file in files if file.stat().st_mtime * 1000 >= since_ms)


def _folders(folder: Path, prefix: str, since_ms: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            named = (each for each in found if each.name.startswith(prefix) and each.is_dir())
            yield from (Path(each.path) for each in named if each.stat().st_mtime * 1000 >= since_ms)
    except FileNotFoundError:
        return
