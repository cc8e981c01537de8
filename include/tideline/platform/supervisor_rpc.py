"""Calls to supervisord over its socket, and what it knows of a program."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy, Transport

from tideline.errors import UserError
from tideline.home import Home

ABSENT = "ABSENT"
_SOCKET_LENGTH = 88  # the system allows 104 to 108 bytes, and supervisord adds a suffix for a moment
_SHUTS_DOWN = 6  # Faults.SHUTDOWN_STATE of supervisor.xmlrpc
_ALIVE = frozenset({"STARTING", "RUNNING", "STOPPING", "BACKOFF"})


class SupervisorUnreachable(UserError):
    """Nothing answers on the socket: what supervisord hosted is then unknown, not dead."""


@dataclass(frozen=True)
class ProgramState:
    """A program as supervisord last saw it; `ABSENT` when it knows none of that name."""

    name: str
    state: str
    pid: int | None = None
    exit_status: int | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def alive(self) -> bool:
        return self.state in _ALIVE

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> ProgramState:
        """From supervisord's answer, where 0 stands for what is not there."""
        return cls(
            name=info["name"],
            state=info["statename"],
            pid=info["pid"] or None,
            exit_status=info["exitstatus"] if info["stop"] else None,
            started_at=_time(info["start"]),
            stopped_at=_time(info["stop"]),
        )


def socket_path(home: Home) -> Path:
    """Inside the home, or, where that is too long for a socket, a short name under /tmp derived from it."""
    inside = home.root / "supervisor" / "supervisor.sock"
    if len(os.fsencode(inside)) <= _SOCKET_LENGTH:
        return inside
    digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:16]
    return Path(f"/tmp/tideline-{os.getuid()}-{digest}.sock")


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket; a supervisord that hangs is as good as gone after the timeout."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _SocketTransport(Transport):
    """Carries XML-RPC to one socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _SocketConnection(self._path)


def call(path: Path, method: str, *arguments: object, interface: str = "supervisor") -> Any:
    """The answer of supervisord's `method`; a refusal is an `xmlrpc.client.Fault`. While it shuts down it refuses
    everything, and is as good as gone."""
    try:
        with ServerProxy("http://localhost", _SocketTransport(path)) as proxy:
            return getattr(getattr(proxy, interface), method)(*arguments)
    except Fault as refusal:
        if refusal.faultCode != _SHUTS_DOWN:
            raise
        raise SupervisorUnreachable(f"supervisord on {path} shuts down", "wait, then run `tideline up`") from refusal
    except (OSError, ProtocolError, http.client.HTTPException) as error:
        raise SupervisorUnreachable(f"no answer on {path}: {error}", "run `tideline up`") from error


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
