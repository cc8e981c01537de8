"""Whether a port is free, and who holds it when it is not."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import asdict

import psutil

from tideline.errors import UserError
from tideline.home import Home
from tideline.settings import HOST, Ports, Settings, kept_ports

PORTS_OF = {
    "database": ("database",),
    "broker": ("broker", "controller"),
    "api_server": ("api",),
    "exporter": ("exporter",),
}
"""The ports that a service listens on; a service that is missing here listens on none."""


def is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Whether somebody answers on the port."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=2):
        return True
    return False


def require_free(ports: Ports, service: str) -> None:
    """UserError, one line, when a port that `service` wants is taken."""
    for name in PORTS_OF.get(service, ()):
        port = asdict(ports)[name]
        if not is_free(port):
            raise UserError(taken(port, holder(port), Ports.variable(name)))


def require_same_ports(home: Home, settings: Settings) -> None:
    """UserError when the environment asks a running platform for another port than it has."""
    kept, asked = asdict(kept_ports(home) or settings.ports), asdict(settings.ports)
    for name, port in kept.items():
        if asked[name] != port:
            variable = Ports.variable(name)
            raise UserError(
                f"the platform runs with port {port}, and {variable} says {asked[name]}",
                f"unset {variable}, or run `tideline down` first",
            )


def holder(port: int) -> str:
    """The process that listens on `port`, as far as this user may see it."""
    pid = holder_pid(port)
    with suppress(psutil.Error):
        if pid is not None:
            command = " ".join(psutil.Process(pid).cmdline())
            return f"process {pid} ({command[:100] or 'name unknown'})"
    return "a process of another user"


def holder_pid(port: int) -> int | None:
    """None where nobody listens, or this user may not see who does."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return int(connection.pid)
    return None


def taken(port: int, held_by: str, variable: str) -> str:
    return f"port {port} is taken by {held_by}: end it, or set {variable} to a free port"
