"""How Kafka is reached by all who have a say: the environment first, then Airflow's connection, the file, the default.

Each setting is taken from the first that has it, and what is wrong with one is told with the name it has there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tideline.errors import UserError
from tideline.hosts import first_line
from tideline.kafka_access import MECHANISMS, PROTOCOLS, KafkaAccess, checked_servers

if TYPE_CHECKING:
    from tideline.spec.kafka import KafkaFile, Secret

CONNECTION: Final = "tideline_kafka"
"""The id of the Airflow connection."""

VARIABLES: Final[Mapping[str, str]] = {
    "servers": "TIDELINE_KAFKA_SERVERS",
    "protocol": "TIDELINE_KAFKA_SECURITY_PROTOCOL",
    "mechanism": "TIDELINE_KAFKA_MECHANISM",
    "username": "TIDELINE_KAFKA_USERNAME",
    "password": "TIDELINE_KAFKA_PASSWORD",
    "ca_file": "TIDELINE_KAFKA_CA_FILE",
    "certificate_file": "TIDELINE_KAFKA_CERTIFICATE_FILE",
    "key_file": "TIDELINE_KAFKA_KEY_FILE",
}
PASSWORD_FILE: Final = "TIDELINE_KAFKA_PASSWORD_FILE"

KEYS: Final[Mapping[str, str]] = {
    "servers": "bootstrap.servers",
    "protocol": "security.protocol",
    "mechanism": "sasl.mechanism",
    "username": "sasl.username",
    "password": "sasl.password",
    "ca_file": "ssl.ca.location",
    "certificate_file": "ssl.certificate.location",
    "key_file": "ssl.key.location",
}
"""What the connection's extra calls them: librdkafka's names, as the Kafka provider's own hooks have them."""


@dataclass(frozen=True)
class Layer:
    """One who has a say: what it says of each setting, and what a setting is called there."""

    said: Mapping[str, Callable[[], str]]
    called: Callable[[str], str]


def of_environment(environ: Mapping[str, str]) -> Layer:
    said: dict[str, Callable[[], str]] = {
        name: _value(environ[variable]) for name, variable in VARIABLES.items() if environ.get(variable)
    }
    if environ.get(PASSWORD_FILE) and "password" not in said:
        said["password"] = partial(first_line, Path(environ[PASSWORD_FILE]), PASSWORD_FILE)
    return Layer(said, VARIABLES.__getitem__)


def of_connection(extra: Mapping[str, object]) -> Layer:
    """Keys that are not ours are the other users' of the connection."""
    found = {name: extra.get(key) for name, key in KEYS.items()}
    said = {name: _value(str(value)) for name, value in found.items() if value}
    return Layer(said, lambda name: f"{KEYS[name]} of the connection {CONNECTION}")


def of_file(file: KafkaFile, path: Path, environ: Mapping[str, str]) -> Layer:
    """Paths in the file begin at its folder."""
    said: dict[str, Callable[[], str]] = {}
    if file.servers:
        said["servers"] = _value(file.servers)
    if file.security:
        kept = file.security.model_dump(exclude_none=True, exclude={"password"})
        folder = path.resolve().parent
        said |= {name: _value(str(folder / value) if name.endswith("_file") else value) for name, value in kept.items()}
        if file.security.password:
            said["password"] = _secret(file.security.password, path, environ)
    return Layer(said, lambda name: f"{name} in {path}")


def resolve_access(layers: Sequence[Layer], local: str) -> KafkaAccess:
    """The first layer decides; `local` is the broker of this machine, which asks for nothing."""
    found = {name: taken for name in VARIABLES if (taken := _first(layers, name)) is not None}
    values = {name: value for name, (value, _) in found.items()}
    origins = {name: origin for name, (_, origin) in found.items()}
    _require_known(values, origins)
    if "servers" in values:
        values["servers"] = _servers(values["servers"], origins["servers"])
    access = KafkaAccess(**{"servers": local} | values)
    _require_whole(access, origins)
    return access


def _first(layers: Sequence[Layer], name: str) -> tuple[str, str] | None:
    """The value, and what it is called where it stands."""
    return next(((layer.said[name](), layer.called(name)) for layer in layers if name in layer.said), None)


def _require_known(values: Mapping[str, str], origins: Mapping[str, str]) -> None:
    for name, known in (("protocol", PROTOCOLS), ("mechanism", MECHANISMS)):
        if name in values and values[name] not in known:
            raise UserError(f"{origins[name]} is '{values[name]}'", f"write {', '.join(known[:-1])} or {known[-1]}")
    for name in ("ca_file", "certificate_file", "key_file"):
        if name in values and not Path(values[name]).is_absolute():
            raise UserError(f"{origins[name]} is '{values[name]}'", "write a path that begins with /")


def _servers(text: str, origin: str) -> str:
    try:
        return checked_servers(text)
    except ValueError as error:
        wrong, _, fix = str(error).partition(": ")
        raise UserError(f"{origin}: {wrong}", fix) from None


def _require_whole(access: KafkaAccess, origins: Mapping[str, str]) -> None:
    if access.protocol != "PLAINTEXT" and "servers" not in origins:
        fix = f"name the servers, by {VARIABLES['servers']} or in the file"
        raise UserError(f"{origins['protocol']} is {access.protocol}, which the broker of this machine has not", fix)
    lacking = [name for name in ("mechanism", "username", "password") if getattr(access, name) is None]
    if access.authenticates and lacking:
        fix = f"set {VARIABLES[lacking[0]]}, or write it in the file"
        raise UserError(f"{origins['protocol']} is {access.protocol}, and there is no {lacking[0]} for it", fix)


def _value(text: str) -> Callable[[], str]:
    return lambda: text


def _secret(secret: Secret, path: Path, environ: Mapping[str, str]) -> Callable[[], str]:
    """Read when nobody before has a password: elsewhere it need not be there."""
    if secret.file:
        return partial(first_line, path.resolve().parent / secret.file, f"the password in {path}")
    name = str(secret.variable)

    def of_variable() -> str:
        if not environ.get(name):
            raise UserError(f"{path} takes the password from {name}, which is not set", f"set {name}")
        return environ[name]

    return of_variable
