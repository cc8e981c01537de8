"""Drivers on this machine, hosted by the platform's supervisor: it starts and ends them, and restarts none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tideline.home import Home
from tideline.launcher.base import DriverStillThere, LauncherState, LauncherUnreachable, Phase
from tideline.platform.supervisor import ProgramState, SupervisorUnreachable

_PHASES = {
    "ABSENT": Phase.ABSENT,
    "STARTING": Phase.STARTING,
    "BACKOFF": Phase.STARTING,
    "RUNNING": Phase.RUNNING,
    "STOPPING": Phase.STOPPING,
}


class Programs(Protocol):
    """The part of the supervisor that is needed here."""

    def add_program(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None: ...

    def stop_program(self, name: str, timeout: float = ...) -> ProgramState: ...

    def kill(self, name: str) -> ProgramState: ...

    def state(self, name: str) -> ProgramState: ...


class SupervisorLauncher:
    """One program a stream, `driver-<stream>`; its tag is kept in a file beside the stream's heartbeat."""

    def __init__(self, home: Home, programs: Programs) -> None:
        self._home = home
        self._programs = programs

    def submit(self, stream: str, tag: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        # The tag is written only while no driver runs, so it never names one that was not started with it.
        if self.observe(stream).alive:
            raise DriverStillThere(f"the driver of {stream} still runs, and {tag} cannot take its place")
        file = self._tag_file(stream)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps({"tag": tag}))
        draft.replace(file)
        with _reached():
            self._programs.add_program(_program(stream), command, environment, self._home.stream(stream).log)

    def observe(self, stream: str) -> LauncherState:
        with _reached():
            state = self._programs.state(_program(stream))
        return LauncherState(
            phase=_PHASES.get(state.state, Phase.EXITED),
            tag=self._tag(stream),
            pid=state.pid,
            exit_status=state.exit_status,
            started_at=_ms(state.started_at),
            stopped_at=_ms(state.stopped_at),
        )

    def stop(self, stream: str, grace_ms: int) -> None:
        with _reached():
            self._programs.stop_program(_program(stream), grace_ms / 1000)

    def kill(self, stream: str) -> None:
        with _reached():
            self._programs.kill(_program(stream))

    def _tag_file(self, stream: str) -> Path:
        return self._home.stream(stream).root / "launch.json"

    def _tag(self, stream: str) -> str | None:
        try:
            return str(json.loads(self._tag_file(stream).read_text())["tag"])
        except (FileNotFoundError, ValueError, KeyError):
            return None


def _program(stream: str) -> str:
    return f"driver-{stream}"


def _ms(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except SupervisorUnreachable as error:
        raise LauncherUnreachable(str(error)) from error
