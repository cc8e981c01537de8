"""A platform of a test's own: its home, its ports, and nothing of it left when the test ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tideline.bench.place import clean_environment, new_place
from tideline.home import CHECKOUT, PROJECT_SPECS, Home
from tideline.keeper.lifecycle import State
from tideline.keeper.report import stream_rows
from tideline.keeper.verdict import Kind
from tideline.platform.database import folder as database_folder
from tideline.platform.java import BRIEF, OPTIONS_OF_ALL
from tideline.platform.up import up
from tideline.settings import Settings

PROVEN: Final = frozenset({State.STABLE, State.DEGRADED})
"""The states of a driver that has proved itself."""


def is_well(row: Mapping[str, Any]) -> bool:
    """Whether a stream of `tideline status` is STABLE, or DEGRADED by nothing but a machine slower than its trigger."""
    slow = str(row["reason"]).startswith(Kind.BATCH_SLOWER_THAN_TRIGGER)
    return row["state"] == State.STABLE or (row["state"] == State.DEGRADED and slow)


@dataclass(frozen=True)
class Platform:
    """One installation for tests, up or down, and the folder of its specs."""

    home: Home
    specs: Path = PROJECT_SPECS

    @property
    def settings(self) -> Settings:
        return Settings.load(self.home, {})

    @property
    def environ(self) -> dict[str, str]:
        """For subprocesses: this home and these specs, and nothing else of Tideline's."""
        return self._chosen | {"TIDELINE_HOME": str(self.home.root)}

    def start(self, *services: str) -> Settings:
        """Starts these services, all of them when none is named; what is up stays."""
        return up(self.home, services, environ=self._chosen)

    @property
    def _chosen(self) -> dict[str, str]:
        return clean_environment() | {"TIDELINE_STREAMS": str(self.specs), OPTIONS_OF_ALL: BRIEF}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`tideline` with these arguments, as a person would call it."""
        command = [sys.executable, "-m", "tideline.cli.main", *arguments]
        return subprocess.run(
            command, env=self.environ | variables, capture_output=True, text=True, timeout=900, check=False
        )

    def stream(self, name: str) -> dict[str, Any]:
        """The row that `tideline status` shows of the stream. It is asked for again and again while a driver starts,
        and a command of its own each time would take one of two cores from it."""
        (row,) = (row for row in stream_rows(self.home, self.settings) if row["name"] == name)
        return row

    def processes(self) -> list[psutil.Process]:
        """Every live process that has to do with this home, found without the platform's own help."""
        return [process for process in psutil.process_iter() if self._concerns(process)]

    def _concerns(self, process: psutil.Process) -> bool:
        places = (str(self.home.root), str(database_folder(self.home)))
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            words = [*process.cmdline(), process.exe(), *process.environ().values()]
        except psutil.Error:
            return False
        return any(place in word for place in places for word in words)


@contextmanager
def new_platform(folder: Path, specs: Path = PROJECT_SPECS) -> Iterator[Platform]:
    """A platform that is not up yet, with free ports, and the jars of the installation."""
    with new_place(folder, jars()) as home:
        yield Platform(home, specs)


def jars() -> Path:
    """The checkout's jars, or those of `TIDELINE_JARS`."""
    return Path(os.environ.get("TIDELINE_JARS") or CHECKOUT / ".tideline" / "jars")


@contextmanager
def running_platform(folder: Path, services: Iterable[str] = (), specs: Path = PROJECT_SPECS) -> Iterator[Platform]:
    """The same, with these services up, or all of them."""
    with new_platform(folder, specs) as platform:
        platform.start(*services)
        yield platform
