"""Where the platform's parts are: the environment decides, then the last `up`, then the defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tideline.errors import UserError
from tideline.home import Home
from tideline.hosts import HOST, Hosts, secret
from tideline.kafka_access import KafkaAccess
from tideline.kafka_file import kafka_file, load_kafka
from tideline.kafka_layers import of_connection, of_environment, of_file, resolve_access

if TYPE_CHECKING:
    from tideline.spec.kafka import Topic

__all__ = ["DATABASE_USER", "HOST", "Ports", "Settings", "keep_ports", "kept_ports", "keys_file", "ports_file"]

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
    hosts: Hosts = field(default_factory=Hosts)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, home: Home, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of `home`; the password is empty until somebody has set one, or `tideline up` has made one."""
        kept = _read(ports_file(home))
        chosen = {name: _port(name, environ) or int(kept.get(name, default)) for name, default in _DEFAULTS.items()}
        password = secret("TIDELINE_DATABASE_PASSWORD", environ) or _read(keys_file(home)).get("database_password", "")
        return cls(Ports(**chosen), password, Hosts.load(environ), environ)

    @cached_property
    def kafka(self) -> KafkaAccess:
        """How Kafka is reached by the environment, the file and the default; UserError for what is wrong there."""
        return self.kafka_by({})

    def kafka_by(self, connection: Mapping[str, object]) -> KafkaAccess:
        """The same by the extra of Airflow's connection too, which goes before the file."""
        file = kafka_file(self.environ)
        layers = (
            of_environment(self.environ),
            of_connection(connection),
            of_file(load_kafka(file), file, self.environ),
        )
        return resolve_access(layers, self.local_broker)

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The topics that the file declares."""
        return load_kafka(kafka_file(self.environ)).topics

    @property
    def local_broker(self) -> str:
        """The address of the broker that `tideline up` starts."""
        return f"{HOST}:{self.ports.broker}"

    @property
    def elsewhere(self) -> frozenset[str]:
        """The services that are not this machine's to start."""
        away = {"database": self.hosts.database != HOST, "broker": self.kafka.servers != self.local_broker}
        return frozenset(service for service, is_away in away.items() if is_away)

    @property
    def api_url(self) -> str:
        return self.hosts.api_url or f"http://{HOST}:{self.ports.api}"

    @property
    def exporter_url(self) -> str:
        return self.hosts.exporter_url or f"http://{HOST}:{self.ports.exporter}"

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
        account = f"{DATABASE_USER}:{quote(self.database_password, safe='')}"
        return f"{driver}://{account}@{self.hosts.database}:{self.ports.database}/{database}"


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
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror}"
        raise UserError(problem, "run this as the account that ran `tideline up`") from None
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
