"""Makes a driver stand still, as one does that waits for ever, and go on."""

from __future__ import annotations

import signal

import psutil


def family(pid: int) -> list[psutil.Process]:
    """A driver's processes: what its launcher started, the JVM, Python and its workers."""
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def stand_still(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.send_signal(signal.SIGSTOP)


def go_on(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.send_signal(signal.SIGCONT)
