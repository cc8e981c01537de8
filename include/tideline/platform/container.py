"""One part of the platform as a container's process; docker-compose.yaml says which part is where.

The containers share one home, in a volume: what `tideline up` does on one machine is spread over them.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tideline.errors import UserError
from tideline.home import CHECKOUT, Home
from tideline.platform import airflow_parts, database
from tideline.platform.environment import environment
from tideline.platform.java import find_java
from tideline.platform.keys import ensure_keys, password_file
from tideline.platform.services import healthy
from tideline.platform.supervisor import Supervisor
from tideline.platform.supervisor_start import configure_supervisord
from tideline.platform.waiting import wait_until
from tideline.private_files import write_private
from tideline.settings import HOST, Ports, Settings

PART: Final = "TIDELINE_PART"
DRIVERS: Final = "drivers"
EXPORTER: Final = "exporter"
PARTS: Final = (*airflow_parts.COMMANDS, DRIVERS, EXPORTER)
_DATABASE_SECONDS: Final = 60.0


def init(home: Home, environ: Mapping[str, str]) -> None:
    """What all parts need: keys, jars, Airflow's settings, both databases and the pools. Repeating it is safe."""
    home.logs.mkdir(parents=True, exist_ok=True)
    keys = ensure_keys(home)
    if environ.get("TIDELINE_ADMIN_PASSWORD"):
        write_private(password_file(home), json.dumps({"admin": environ["TIDELINE_ADMIN_PASSWORD"]}) + "\n")
    settings = Settings.load(home, environ)
    link_jars(home)
    prepare_databases(settings)
    airflow_parts.configure(home, settings, keys)
    if not airflow_parts.bring_up_to_date(part_environment(home, environ), None):
        raise UserError("Airflow's database cannot be migrated", "read what it said, above")


def prepare_databases(settings: Settings) -> None:
    from tideline.registry.migrate import upgrade

    if not wait_until(lambda: database.answers(settings), _DATABASE_SECONDS, 0.5):
        raise UserError(
            "the database lets nobody in", "if its volume is older than `.env`, put the password it was made with there"
        )
    database.create_databases(settings)
    upgrade(settings.registry_url)


def make_topics(home: Home, environ: Mapping[str, str]) -> None:
    """Those of include/kafka.yaml that there are not; `tideline topics` says how the others differ."""
    from tideline.kafka_topics import make_missing

    settings = Settings.load(home, environ)
    made = make_missing(settings.kafka, settings.topics)
    sys.stdout.write(f"made: {', '.join(made) or 'none'}; declared: {', '.join(settings.topics)}\n")


def link_jars(home: Home, installed: Path = CHECKOUT / ".tideline" / "jars") -> None:
    """The home's jars are the image's: those of an older image must not stay in the volume."""
    place = home.jars("spark").parent
    if place.is_symlink() or not place.exists():
        place.unlink(missing_ok=True)
        place.symlink_to(installed)


def part_environment(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """What every part finds; a browser reaches Airflow by another address than the parts do."""
    web = environ.get("TIDELINE_WEB_URL") or f"http://{HOST}:{environ.get('TIDELINE_WEB_PORT', Ports().api)}"
    return environment(home, find_java(home, environ), environ) | {"AIRFLOW__API__BASE_URL": web}


def command_of(part: str, home: Home) -> tuple[str, ...]:
    """The process that a part is."""
    if part == DRIVERS:
        return (sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(configure_supervisord(home)))
    if part == EXPORTER:
        return (sys.executable, "-m", "tideline.exporter.service")
    return (sys.executable, "-m", "airflow", *airflow_parts.COMMANDS[part])


def is_healthy(part: str, home: Home, environ: Mapping[str, str]) -> bool:
    if part == DRIVERS:
        return Supervisor(home).reachable()
    return healthy(part, Settings.load(home, environ), None)


def part_of(environ: Mapping[str, str]) -> str:
    """UserError where the environment names none."""
    part = environ.get(PART, "")
    if part not in PARTS:
        raise UserError(f"{PART} is '{part}', which is no part", f"set it to one of {', '.join(PARTS)}")
    return part


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m tideline.platform.container", description=__doc__)
    acts = ("init", "topics", "run", "healthy")
    parser.add_argument("act", choices=acts, help=f"run and healthy are about the part in {PART}")
    act, home = parser.parse_args(arguments).act, Home.from_env()
    try:
        if act == "init":
            init(home, os.environ)
        elif act == "topics":
            make_topics(home, os.environ)
        elif act == "healthy":
            return int(not is_healthy(part_of(os.environ), home, os.environ))
        else:
            command = command_of(part_of(os.environ), home)
            os.execve(command[0], list(command), part_environment(home, os.environ))
    except UserError as error:
        sys.stderr.write(f"{error.message}\n{error.fix}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
