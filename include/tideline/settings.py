"""Where the platform's parts listen: the environment decides, then the last `up`, then the defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tideline.errors import UserError
from tideline.home import Home

HOST = "127.0.0.1"
DATABASE_USER = "tideline"


@dataclass(frozen=True)
class Ports:
    """The ports of the platform, all on the loopback interface."""

    database: int = 15432
    broker: int = 19092
    controller: int = 19093
    api: int = 18080
    exporter: int = 18081

    @staticmethod
    def variable(name: str) -> str:
        """The environment variable that changes a port: `TIDELINE_BROKER_PORT` for `broker`."""
        return f"TIDELINE_{name.upper()}_PORT"


@dataclass(frozen=True)
class Settings:
    """How to reach the parts of one installation."""

    ports: Ports = Ports()
    database_password: str = field(default="", repr=False)

    @classmethod
    def load(cls, home: Home, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of `home`; the password is empty until `tideline up` has made one."""
        kept = _read(ports_file(home))
        chosen = {name: _port(name, environ) or int(kept.get(name, default)) for name, default in _DEFAULTS.items()}
        return cls(Ports(**chosen), str(_read(keys_file(home)).get("database_password", "")))

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.ports.broker}"

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.ports.api}"

    @property
    def exporter_url(self) -> str:
        return f"http://{HOST}:{self.ports.exporter}"

    @property
    def registry_url(self) -> str:
        return self._database_url("postgresql+psycopg", "tideline")

    @property
    def airflow_url(self) -> str:
        return self._database_url("postgresql+psycopg", "airflow")

    @property
    def airflow_async_url(self) -> str:
        return self._database_url("postgresql+psycopg_async", "airflow")

    def _database_url(self, driver: str, database: str) -> str:
        account = f"{DATABASE_USER}:{self.database_password}"
        return f"{driver}://{account}@{HOST}:{self.ports.database}/{database}"


_DEFAULTS: dict[str, int] = asdict(Ports())


def ports_file(home: Home) -> Path:
    """The ports of the last `up`."""
    return home.root / "platform.json"


def keys_file(home: Home) -> Path:
    """The passwords and keys of the platform, readable by its owner alone."""
    return home.root / "keys.json"


def kept_ports(home: Home) -> Ports | None:
    """The ports the last `up` chose, or None before the first."""
    kept = _read(ports_file(home))
    return Ports(**{name: int(kept.get(name, default)) for name, default in _DEFAULTS.items()}) if kept else None


def keep_ports(home: Home, ports: Ports) -> None:
    ports_file(home).write_text(json.dumps(asdict(ports), indent=1) + "\n")


def _read(file: Path) -> dict[str, str]:
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(
            f"{file} cannot be read: {error}", "run `tideline down`, remove the file, run `tideline up`"
        ) from None


def _port(name: str, environ: Mapping[str, str]) -> int | None:
    variable = Ports.variable(name)
    text = environ.get(variable, "")
    if not text:
        return None
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise UserError(f"{variable} is '{text}', which is not a port", f"set {variable} to a number from 1 to 65535")
    return int(text)
