"""What supervisord cannot do by itself, as an interface of its own: KILL a program's whole group at once.

It is done by supervisord, not by whoever asks: a process's number means nothing in another container.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any


class GroupKiller:
    """Answers supervisord's clients under the name `tideline`."""

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord

    def kill_group(self, name: str) -> bool:
        """Whether the program ran; it leads its group, so its children go with it."""
        group = self._supervisord.process_groups.get(name)
        pid = group.processes[name].pid if group else 0
        if pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        return bool(pid)


def group_killer(supervisord: Any, **_settings: str) -> GroupKiller:
    """The factory that supervisord's file names."""
    return GroupKiller(supervisord)
