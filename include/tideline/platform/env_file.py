"""The `.env` beside docker-compose.yaml: passwords made once, ports and images to choose, for its owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tideline.errors import UserError
from tideline.home import CHECKOUT, Home
from tideline.platform.ports import holder, is_free
from tideline.private_files import write_private
from tideline.settings import Ports

PASSWORDS: Final = {
    "TIDELINE_DATABASE_PASSWORD": "PostgreSQL, user tideline; the server keeps the first it was given",
    "TIDELINE_ADMIN_PASSWORD": "Airflow, user admin",
    "TIDELINE_GRAFANA_PASSWORD": "Grafana, user admin; the server keeps the first it was given",
}
PORTS: Final = {
    "TIDELINE_API_PORT": 18080,
    "TIDELINE_BROKER_PORT": 19092,
    "TIDELINE_PROMETHEUS_PORT": 19090,
    "TIDELINE_GRAFANA_PORT": 13000,
}
"""The ports of this machine that compose binds, all on the loopback interface."""


@dataclass(frozen=True)
class EnvFile:
    """What was found and what must be there."""

    path: Path
    values: Mapping[str, str]
    text: str = ""

    @classmethod
    def read(cls, path: Path) -> EnvFile:
        """Without the file it is empty; UserError names a line that is no setting, or says why nothing can be read."""
        try:
            text = path.read_text() if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read: {error}", "make it a text file of your own") from None
        return cls(path, dict(_setting(path, number, line) for number, line in _lines(text)), text)

    def port(self, variable: str, environ: Mapping[str, str]) -> int:
        """As compose reads it: the environment goes before the file, and that before the default."""
        return self._port(variable, environ.get(variable) or self.values.get(variable) or str(PORTS[variable]))

    def changed_ports(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The ports of the platform on one machine that the file changes: those that the environment does not name, and
        that are not the default, with which it is made."""
        defaults = {Ports.variable(name): number for name, number in asdict(Ports()).items()}
        named = {name: text for name in defaults if (text := self.values.get(name)) and not environ.get(name)}
        return {name: text for name, text in named.items() if self._port(name, text) != defaults[name]}

    def _port(self, variable: str, text: str) -> int:
        if not (text.isdecimal() and 0 < int(text) < 65536):
            raise UserError(f"{variable} is '{text}', which is not a port", f"write 1 to 65535 in {self.path}")
        return int(text)


def ensure_env_file(path: Path) -> list[str]:
    """Adds what the file lacks, and keeps what it has; the names of what was added. Nobody else may read it. UserError
    where it cannot be read or written."""
    found = EnvFile.read(path)
    added = {name: note for name, note in (PASSWORDS | _port_notes()).items() if not found.values.get(name)}
    head = found.text if not found.text or found.text.endswith("\n") else found.text + "\n"
    if added or not path.exists() or path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = head + "".join(f"# {note}\n{name}={_value(name)}\n" for name, note in added.items())
        try:
            write_private(path, text)
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}", "name a file of your own") from None
    return list(added)


def with_ports(home: Home, environ: Mapping[str, str], checkout: Path = CHECKOUT) -> Mapping[str, str]:
    """The environment, and the ports that the `.env` of the home's checkout changes; nothing else of that file. A home
    elsewhere has none."""
    if home.root != (checkout / ".tideline").resolve():
        return environ
    return {**environ, **EnvFile.read(checkout / ".env").changed_ports(environ)}


def require_free_ports(
    file: EnvFile, environ: Mapping[str, str] = os.environ, ours: Container[int] = frozenset()
) -> None:
    """UserError with a line for each port that compose would bind and another process holds; `ours` its own containers
    hold."""
    numbers = {variable: file.port(variable, environ) for variable in PORTS}
    held = {name: holder(number) for name, number in numbers.items() if number not in ours and not is_free(number)}
    if held:
        lines = (f"{variable}: port {numbers[variable]} is taken by {who}" for variable, who in held.items())
        raise UserError("\n".join(lines), f"end it, or write another port in {file.path}")


def _port_notes() -> dict[str, str]:
    return {name: f"a port of 127.0.0.1: {name.split('_')[1].lower()}" for name in PORTS}


def _value(name: str) -> str:
    return str(PORTS[name]) if name in PORTS else secrets.token_urlsafe(24)


def _lines(text: str) -> list[tuple[int, str]]:
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _setting(path: Path, number: int, line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals:
        raise UserError(f"{path}, line {number}: '{line}' is no setting", "write NAME=value")
    return name.removeprefix("export ").strip(), value.strip().strip("'\"")
