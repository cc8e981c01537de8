"""Where the parts are that need not be on this machine, by the environment: all are, unless it says otherwise."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tideline.errors import UserError

HOST: Final = "127.0.0.1"
"""Where everything is, and listens, by default: the loopback interface."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Hosts:
    """`bind` is the address on which the API server and the exporters listen; `api_url` is where Airflow is reached,
    and `exporter_url` the platform's exporter, empty for this machine."""

    database: str = HOST
    bind: str = HOST
    api_url: str = ""
    exporter_url: str = ""

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Hosts:
        """UserError names a variable that says nothing of use."""
        return cls(
            _host("TIDELINE_DATABASE_HOST", environ),
            _address("TIDELINE_BIND", environ),
            _url("TIDELINE_API_URL", environ),
            _url("TIDELINE_EXPORTER_URL", environ),
        )

    @property
    def own_name(self) -> str:
        """By which others reach what listens here: this host's name, once it listens on more than loopback."""
        return HOST if ipaddress.ip_address(self.bind).is_loopback else socket.gethostname()

    @property
    def names(self) -> list[str]:
        """The hosts, for those who must reach them without a proxy."""
        names = [HOST, "localhost", self.database, urlsplit(self.api_url).hostname or HOST]
        return list(dict.fromkeys(names))


def secret(variable: str, environ: Mapping[str, str]) -> str:
    """The value of a variable, or of the file that the variable with `_FILE` at its end names; empty without both."""
    if environ.get(variable):
        return environ[variable]
    file = environ.get(f"{variable}_FILE")
    return first_line(Path(file), f"{variable}_FILE") if file else ""


def first_line(file: Path, origin: str) -> str:
    """The password in a file that `origin` names; UserError where there is none."""
    try:
        return file.read_text().splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        why = "it is empty" if isinstance(error, IndexError) else str(error)
        raise UserError(f"{origin} names {file}, which gives no password: {why}", "put the password there") from None


def _host(variable: str, environ: Mapping[str, str]) -> str:
    text = environ.get(variable) or HOST
    if not _NAME.fullmatch(text):
        raise UserError(f"{variable} is '{text}', which is no host", f"set {variable} to a name or an IPv4 address")
    return text


def _address(variable: str, environ: Mapping[str, str]) -> str:
    text = environ.get(variable) or HOST
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        fix = f"set {variable} to {HOST}, to 0.0.0.0 for every interface, or to one's own address"
        raise UserError(f"{variable} is '{text}', which is no IPv4 address", fix) from None


def _url(variable: str, environ: Mapping[str, str]) -> str:
    text = (environ.get(variable) or "").rstrip("/")
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if text and not is_good:
        raise UserError(f"{variable} is '{text}', which is no address", f"write one such as http://{HOST}:18080")
    return text
