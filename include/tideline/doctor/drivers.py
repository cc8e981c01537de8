"""Drivers that run though the registry wants another, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tideline.doctor.finding import Finding, Severity
from tideline.doctor.subject import Subject
from tideline.home import Home
from tideline.keeper.lifecycle import ENDS

WHAT: Final = "drivers"


@dataclass(frozen=True)
class DriverProcess:
    """A process of a driver: spark-submit's JVM, or the Python in it."""

    pid: int
    stream: str
    tag: str


def look_at_drivers(home: Home) -> list[DriverProcess]:
    """Those of this home, whoever hosts them."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found += driver_of(process.pid, process.cmdline(), home)
    return found


def driver_of(pid: int, command: Sequence[str], home: Home) -> list[DriverProcess]:
    """The driver that a command line is one of, or none."""
    told = dict(pairwise(command))
    if told.get("--home") != str(home.root) or not {"--stream", "--tag", "--epoch"} <= told.keys():
        return []
    return [DriverProcess(pid, told["--stream"], told["--tag"])]


def judge_drivers(subject: Subject, processes: Sequence[DriverProcess]) -> Iterator[Finding]:
    by_tag: dict[str, list[int]] = {}
    for process in processes:
        if process.stream == subject.name:
            by_tag.setdefault(process.tag, []).append(process.pid)
    for tag, pids in sorted(by_tag.items()):
        numbers = " ".join(map(str, pids))
        where, fix = f"{subject.name}, process {numbers}", f"run `kill {numbers}`"
        if tag != subject.tag:
            problem = (
                f"it is the driver {tag}, left over: the newest is {subject.tag}; it is fenced off, and only uses up"
            )
            yield Finding(WHAT, where, f"{problem} memory", fix, Severity.WARNING)
        elif subject.row is not None and subject.row.state in ENDS:
            yield Finding(WHAT, where, f"the driver {tag} runs, and the stream is {subject.row.state}", fix)
