"""Finds and ends the processes of one home, also when the supervisord that started them is gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import psutil

from tideline.home import Home

MARK = "TIDELINE_PLATFORM"
"""Set for whatever supervisord hosts, and for nothing else: a shell with TIDELINE_HOME set is not ours to end."""


def orphans(home: Home) -> list[psutil.Process]:
    """Every live process of this home's platform, apart from the asking one and those it descends from."""
    me = psutil.Process()
    spared = {me.pid, *(parent.pid for parent in me.parents())}
    return [p for p in psutil.process_iter() if p.pid not in spared and _belongs(p, home)]


def end_all(processes: Iterable[psutil.Process], seconds: float = 10.0) -> list[psutil.Process]:
    """Ends them wave by wave, and returns what survived even a KILL."""
    waves: tuple[list[psutil.Process], ...] = ([], [], [])
    for process in processes:
        waves[_wave(process)].append(process)
    signals = (signal.SIGTERM, signal.SIGTERM, signal.SIGINT)  # PostgreSQL takes TERM for: once all have left
    return [left for wave, politely in zip(waves, signals, strict=True) for left in _end(wave, politely, seconds)]


def _end(processes: list[psutil.Process], politely: signal.Signals, seconds: float) -> list[psutil.Process]:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(politely)
    _, left = psutil.wait_procs(processes, timeout=seconds)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    _, left = psutil.wait_procs(left, timeout=10.0)
    return [process for process in left if _alive(process)]


def alive(pid: int) -> bool:
    try:
        return _alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _belongs(process: psutil.Process, home: Home) -> bool:
    """By the mark; PostgreSQL writes over its environment, so it is known by its program's place."""
    with suppress(psutil.Error, OSError):
        if not _alive(process):
            return False
        if process.environ().get(MARK) == str(home.root):
            return True
    with suppress(psutil.Error, OSError):
        return str(process.exe()).startswith(os.path.realpath(home.root / "database") + os.sep)
    return False


def _wave(process: psutil.Process) -> int:
    """Tasks want the API server until they end, and every part of Airflow the database."""
    with suppress(psutil.Error):
        if process.name() == "postgres":
            return 2
        return int(process.environ().get("SUPERVISOR_PROCESS_NAME") == "api_server")
    return 0
