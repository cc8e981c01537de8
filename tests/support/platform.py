"""A platform of a test's own: its home, its ports, and nothing of it left when the test ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tideline.home import CHECKOUT, Home
from tideline.platform.database import folder as database_folder
from tideline.platform.down import down
from tideline.platform.up import up
from tideline.settings import Ports, Settings, keep_ports

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("TIDELINE_")}
"""The environment of tests: what a person has set for a platform of their own must not reach ours."""


@dataclass(frozen=True)
class Platform:
    """One installation for tests, up or down."""

    home: Home

    @property
    def settings(self) -> Settings:
        return Settings.load(self.home, {})

    @property
    def environ(self) -> dict[str, str]:
        """For subprocesses: this home, and nothing else of Tideline's."""
        return CLEAN | {"TIDELINE_HOME": str(self.home.root)}

    def start(self, *services: str) -> Settings:
        """Starts these services, all of them when none is named; what is up stays."""
        return up(self.home, services, environ=CLEAN)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`tideline` with these arguments, as a person would call it."""
        command = [sys.executable, "-m", "tideline.cli.main", *arguments]
        return subprocess.run(
            command, env=self.environ | variables, capture_output=True, text=True, timeout=300, check=False
        )

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
def new_platform(folder: Path) -> Iterator[Platform]:
    """A platform that is not up yet, with free ports, and the checkout's jars or those of `TIDELINE_JARS`."""
    home = Home(folder.resolve())
    home.root.mkdir(parents=True, exist_ok=True)
    jars = Path(os.environ.get("TIDELINE_JARS") or CHECKOUT / ".tideline" / "jars")
    jars.mkdir(parents=True, exist_ok=True)
    (home.root / "jars").symlink_to(jars)
    keep_ports(home, free_ports())
    try:
        yield Platform(home)
    finally:
        down(home)
        shutil.rmtree(database_folder(home), ignore_errors=True)


@contextmanager
def running_platform(folder: Path, services: Iterable[str] = ()) -> Iterator[Platform]:
    """The same, with these services up, or all of them."""
    with new_platform(folder) as platform:
        platform.start(*services)
        yield platform


def free_ports() -> Ports:
    """Ports nobody listens on now; all are held until the last is known, so that they differ."""
    with ExitStack() as held:
        names = list(asdict(Ports()))
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(**{name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)})
