"""What the keeper asks of the place where drivers run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """A driver's process as its launcher sees it."""

    ABSENT = "ABSENT"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    EXITED = "EXITED"


class LauncherUnreachable(RuntimeError):
    """The launcher does not answer: nothing is known of its drivers."""


class DriverStillThere(RuntimeError):
    """A driver could not be ended, so another cannot take its place."""


@dataclass(frozen=True)
class LauncherState:
    """One driver at its launcher; times are epoch milliseconds, `exit_status` is -1 after a signal."""

    phase: Phase
    tag: str | None = None
    pid: int | None = None
    exit_status: int | None = None
    started_at: int | None = None
    stopped_at: int | None = None

    @property
    def alive(self) -> bool:
        return self.phase in (Phase.STARTING, Phase.RUNNING, Phase.STOPPING)


class Launcher(Protocol):
    """Hosts at most one driver a stream; every call raises LauncherUnreachable when it cannot be asked."""

    def submit(self, stream: str, tag: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts the stream's driver; whatever ran under its name before must be gone."""

    def observe(self, stream: str) -> LauncherState: ...

    def stop(self, stream: str, grace_ms: int) -> None:
        """Asks the driver to end, and ends it after `grace_ms`."""

    def kill(self, stream: str) -> None:
        """Ends the driver and all its children now; nothing to end is no error."""
