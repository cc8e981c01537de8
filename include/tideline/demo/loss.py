"""Kills a driver as a machine would, and sees in the registry's record that the loss was noticed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from tideline.errors import UserError
from tideline.keeper.lifecycle import State
from tideline.keeper.verdict import Kind
from tideline.platform.supervisor import ProgramState
from tideline.registry.rows import TransitionRow


def require_pid(program: ProgramState, stream: str) -> int:
    """The living driver's pid: without one there is nothing to kill, and pid 0 would be our own process group."""
    if not program.alive or not program.pid:
        raise UserError(f"the driver of '{stream}' does not run: nothing to kill", "look at `tideline status`")
    return program.pid


def kill_now(pid: int) -> None:
    """SIGKILL: the driver gets no chance to say or to finish anything."""
    os.kill(pid, signal.SIGKILL)


def loss_seen_at(rows: Iterable[TransitionRow], after: int) -> int | None:
    """When (epoch ms) a transition newer than id `after` first said that the driver is lost."""
    return min((row.at for row in rows if row.id > after and _tells_of_loss(row)), default=None)


def _tells_of_loss(row: TransitionRow) -> bool:
    return row.to_state is State.UNHEALTHY and row.reason.startswith(Kind.DRIVER_LOST)
