"""The platform's services by name, and how each is asked whether it is well."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform import airflow_parts, broker, database, exporter_part
from tideline.platform.java import JavaHome
from tideline.platform.supervisor_conf import Program
from tideline.settings import Settings

AIRFLOW = tuple(airflow_parts.COMMANDS)
SERVICES = ("database", "broker", *AIRFLOW, "exporter")


def programs(home: Home, settings: Settings, java: JavaHome) -> list[Program]:
    own = [database.program(home, settings), broker.program(home, java), exporter_part.program(home)]
    return [*own, *airflow_parts.programs(home)]


def chosen(names: Iterable[str], elsewhere: Collection[str] = ()) -> tuple[str, ...]:
    """The services asked for and those they need, in the order of their start; all for an empty choice. Those that are
    elsewhere are left out."""
    wanted = set(names) or set(SERVICES)
    unknown = sorted(wanted - set(SERVICES))
    if unknown:
        raise UserError(f"no service is called {', '.join(unknown)}", f"choose from {', '.join(SERVICES)}")
    if wanted & set(AIRFLOW):
        wanted.add("database")
    return tuple(name for name in SERVICES if name in wanted and name not in elsewhere)


def healthy(service: str, settings: Settings, since: datetime | None) -> bool:
    """Whether the service does its work; `since` is its start."""
    if service == "database":
        return database.answers(settings)
    if service == "broker":
        return broker.answers(settings)
    if service == "exporter":
        return exporter_part.answers(settings)
    return airflow_parts.is_healthy(service, airflow_parts.health(settings), since)
