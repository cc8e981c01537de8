"""Airflow's four parts, and the one file that configures them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from configparser import RawConfigParser
from datetime import datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import IO, Any, Final

from tideline.errors import UserError
from tideline.home import CHECKOUT, Home
from tideline.platform.database import folder as database_folder
from tideline.platform.keys import Keys, password_file
from tideline.platform.supervisor_conf import Program
from tideline.private_files import write_private
from tideline.settings import Settings

COMMANDS = {
    "api_server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag_processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def programs(home: Home) -> list[Program]:
    return [
        Program(
            name=name,
            command=(sys.executable, "-m", "airflow", *command),
            log=home.logs / f"{name}.log",
            directory=folder(home),
            stop_seconds=12,  # the scheduler waits for its tasks, which may take long
        )
        for name, command in COMMANDS.items()
    ]


def folder(home: Home) -> Path:
    """`AIRFLOW_HOME`: with it set, `airflow` on a command line speaks to this platform."""
    return home.root / "airflow"


_POOL: Final = ("reconcile", "2", "What reads Kafka and writes tables beside the streams")
"""The pool of `tideline_airflow.policy`: name, slots, description."""


def configure(home: Home, settings: Settings, keys: Keys) -> None:
    """Writes `airflow.cfg`: a file, so that no password stands in a process's environment."""
    parser = RawConfigParser()
    for section, values in _sections(home, settings, keys).items():
        parser[section] = {key: str(value).replace("%", "%%") for key, value in values.items()}
    text = StringIO()
    parser.write(text)
    write_private(folder(home) / "airflow.cfg", text.getvalue())


def migrate(home: Home, environment: Mapping[str, str], *, is_marked: bool = True) -> None:
    """Brings Airflow's tables up to its version, and makes the pool; the mark of both lies with the data, which may be
    elsewhere."""
    mark, wanted = database_folder(home) / "airflow.version", f"{version('apache-airflow')} {_POOL[0]}"
    if is_marked and mark.exists() and mark.read_text() == wanted:
        return
    log = home.logs / "migrate.log"
    with log.open("w") as out:
        if not bring_up_to_date(environment, out):
            raise UserError("Airflow's database cannot be migrated", f"read {log}")
    mark.write_text(wanted)


def bring_up_to_date(environment: Mapping[str, str], out: IO[str] | None) -> bool:
    """Airflow's tables, and the pool; whether both were done. What is said of it goes to `out`."""
    commands = ([sys.executable, "-m", "airflow", *words] for words in (["db", "migrate"], ["pools", "set", *_POOL]))
    runs = (subprocess.run(each, env=dict(environment), stdout=out, stderr=out, check=False) for each in commands)
    return all(done.returncode == 0 for done in runs)


def health(settings: Settings) -> dict[str, Any]:
    """What the API server says of the four parts; empty when it does not answer."""
    import httpx

    try:
        answer = httpx.get(f"{settings.api_url}/api/v2/monitor/health", timeout=10, trust_env=False)
        return dict(answer.json())
    except (httpx.HTTPError, ValueError):
        return {}


def is_healthy(part: str, said: Mapping[str, Any], since: datetime | None) -> bool:
    """Whether `part` has a heartbeat of its own, one younger than its start: a predecessor's does not count."""
    if part == "api_server":
        return bool(said)
    about = said.get(part) or {}
    beat = about.get(f"latest_{part}_heartbeat")
    if about.get("status") != "healthy" or beat is None:
        return False
    return since is None or datetime.fromisoformat(beat) >= since


def _sections(home: Home, settings: Settings, keys: Keys) -> dict[str, dict[str, object]]:
    return {
        "core": {
            "dags_folder": CHECKOUT / "dags",
            "plugins_folder": CHECKOUT / "plugins",
            "executor": "LocalExecutor",
            "parallelism": 4,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "hostname_callable": "socket.gethostname",
            "execution_api_server_url": f"{settings.api_url}/execution/",
            "fernet_key": keys.fernet_key,
            "simple_auth_manager_users": "admin:admin",
            "simple_auth_manager_passwords_file": password_file(home),
        },
        "database": {
            "sql_alchemy_conn": settings.airflow_url,
            "sql_alchemy_conn_async": settings.airflow_async_url,
        },
        "logging": {
            "json_logs": True,
            "base_log_folder": home.logs / "airflow",
            "dag_processor_child_process_log_directory": home.logs / "airflow" / "dag_processor",
        },
        "api": {
            "host": settings.hosts.bind,
            "port": settings.ports.api,
            "base_url": settings.api_url,
            "workers": 1,
            "secret_key": keys.secret_key,
        },
        "api_auth": {"jwt_secret": keys.jwt_secret},
        # Two cores are shared with the drivers: files are looked at often enough to see an edit, not more.
        "dag_processor": {"refresh_interval": 10, "min_file_process_interval": 30, "parsing_processes": 1},
        "scheduler": {"enable_health_check": False},
        "usage_data_collection": {"enabled": False},
    }
