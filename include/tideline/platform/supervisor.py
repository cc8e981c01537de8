"""The one door to every process the platform hosts: its parts, and the drivers that are added to them."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from tideline.home import Home
from tideline.platform.supervisor_conf import Program, render_program, render_script
from tideline.platform.supervisor_rpc import ABSENT, ProgramState, SupervisorUnreachable, call, socket_path
from tideline.platform.waiting import wait_until

__all__ = ["ProgramRunning", "ProgramState", "Supervisor", "SupervisorUnreachable"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class ProgramRunning(Exception):
    """A program of that name still runs, so another cannot take its name."""


class Supervisor:
    """The supervisord of one home; every call raises `SupervisorUnreachable` when it does not answer."""

    def __init__(self, home: Home) -> None:
        self.folder = home.root / "supervisor"
        self.socket = socket_path(home)

    def reachable(self) -> bool:
        try:
            self._call("getState")
        except SupervisorUnreachable:
            return False
        return True

    def pid(self) -> int:
        return int(self._call("getPID"))

    def programs(self) -> list[ProgramState]:
        return [ProgramState.read(info) for info in self._call("getAllProcessInfo")]

    def state(self, name: str) -> ProgramState:
        try:
            return ProgramState.read(self._call("getProcessInfo", name))
        except Fault:
            return ProgramState(name, ABSENT)

    def start(self, name: str) -> None:
        """Starts a program that has been added, unless it is up already."""
        if not self.state(name).alive:
            self._call("startProcess", name, False)

    def add_program(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Hosts a driver: started once, never restarted. One that runs already is `ProgramRunning`."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is no name for a program: use letters, digits, '.', '_' and '-'")
        with self._one_at_a_time():
            if self.state(name).alive:
                raise ProgramRunning(name)
            self._forget(name)
            self._write(name, command, environment, log)
            self._take_up(name)
        self._call("startProcess", name, False)

    def remove_program(self, name: str) -> None:
        """Ends the program if it runs, and forgets it."""
        self.stop_program(name)
        with self._one_at_a_time():
            self._forget(name)

    def stop_program(self, name: str, timeout: float = 30.0) -> ProgramState:
        """TERM to its whole group, KILL to what is left of it after `timeout` seconds."""
        if self.state(name).alive:
            with suppress(Fault):  # it may have ended by itself just now
                self._call("stopProcess", name, False)
            if not wait_until(lambda: not self.state(name).alive, timeout):
                call(self.socket, "kill_group", name, interface="tideline")
                wait_until(lambda: not self.state(name).alive, 10.0)
        return self.state(name)

    def kill(self, name: str) -> ProgramState:
        """The same ladder in a hurry: two seconds between TERM and KILL."""
        return self.stop_program(name, 2.0)

    def stop_soon(self, name: str) -> None:
        """Asks a program to end and does not wait."""
        with suppress(Fault):
            self._call("stopProcess", name, False)

    def shutdown(self) -> None:
        """Ends supervisord and all it hosts; returns before that is done."""
        self._call("shutdown")

    def _take_up(self, name: str) -> None:
        try:
            self._call("reloadConfig")
            self._call("addProcessGroup", name)
        except Fault:
            _forget_files(self.folder, name)  # one bad file would fail every later reload
            raise

    def _forget(self, name: str) -> None:
        with suppress(Fault):
            self._call("removeProcessGroup", name)
        _forget_files(self.folder, name)

    def _write(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        conf, script = _files(self.folder, name)
        conf.parent.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        script.touch(mode=0o600)
        script.write_text(render_script(command, environment))
        program = Program(name, ("/bin/sh", str(script)), log, self.folder, restart=False, stop_seconds=120)
        conf.write_text(render_program(program))

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Two reloads at once could see each other's half-written files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _call(self, method: str, *arguments: object) -> Any:
        return call(self.socket, method, *arguments)


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / "drivers" / f"{name}.conf", folder / "drivers" / f"{name}.sh"


def _forget_files(folder: Path, name: str) -> None:
    for file in _files(folder, name):
        file.unlink(missing_ok=True)
