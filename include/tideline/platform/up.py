"""`tideline up`: starts what is not up, and waits until it is well."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform import airflow_parts, broker, database
from tideline.platform.env_file import with_ports
from tideline.platform.environment import environment
from tideline.platform.jars import ensure_jars
from tideline.platform.java import JavaHome, find_java
from tideline.platform.keys import ensure_keys
from tideline.platform.ports import require_free, require_same_ports
from tideline.platform.processes import end_all, orphans
from tideline.platform.services import AIRFLOW, chosen, healthy, programs
from tideline.platform.supervisor import Supervisor
from tideline.platform.supervisor_start import configure_supervisord
from tideline.platform.waiting import wait_until
from tideline.settings import DATABASE_USER, Settings, keep_ports

Report = Callable[[str], None]
_SECONDS = {"database": 60.0, "broker": 120.0, "exporter": 120.0}
_AIRFLOW_SECONDS = 240.0


def up(
    home: Home,
    only: Iterable[str] = (),
    report: Report = lambda line: None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Starts the services `only` names, all by default, and returns how to reach them.

    A platform that does not run yet takes its ports from `.env`, too: see `with_ports`.
    """
    require_plain_path(home)
    with exclusive(home):
        ensure_keys(home)
        environ = environ if Supervisor(home).reachable() else with_ports(home, environ)
        settings = Settings.load(home, environ)
        services = chosen(only, settings.elsewhere)
        ensure_jars(home, [group for group in ("database", "broker") if group in services] + ["spark"])
        java = find_java(home, environ)
        start = Start(home, settings, java, environment(home, java, environ), Supervisor(home), report)
        start.supervisord(services)
        start.services(services)
    return settings


def require_plain_path(home: Home) -> None:
    """delta-rs reads %20 in a path as a blank, and then does not find what it has written."""
    coded = re.search("%[0-9A-Fa-f]{2}", str(home.root))
    if coded:
        raise UserError(
            f"tables cannot lie in {home.root}: '{coded[0]}' in its path is read as a coded character",
            "set TIDELINE_HOME to a folder without % in its path",
        )


@contextmanager
def exclusive(home: Home) -> Iterator[None]:
    """One `up` or `down` of a home at a time; UserError where nothing can be written."""
    file = home.root / "platform.lock"
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        problem = f"{home.root} cannot be written: {error.strerror}"
        raise UserError(problem, "set TIDELINE_HOME to a folder of your own") from None
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Start:
    """One run of `up`."""

    home: Home
    settings: Settings
    java: JavaHome
    environment: Mapping[str, str]
    supervisor: Supervisor
    report: Report

    def supervisord(self, services: Iterable[str]) -> None:
        """Starts supervisord unless it runs; no port is taken from anybody, and no process of ours is left over."""
        if self.supervisor.reachable():
            require_same_ports(self.home, self.settings)
        else:
            end_all(orphans(self.home))
            self._spawn(services)
        for service in services:
            if not self.supervisor.state(service).alive:
                require_free(self.settings.ports, service)

    def services(self, services: tuple[str, ...]) -> None:
        """The database's line, with Airflow after it, beside the broker's and the exporter's."""
        with ThreadPoolExecutor(3) as pool:
            wants_database = {"database", *AIRFLOW} & set(services)
            lines = [pool.submit(self._database_and_airflow, services)] if wants_database else []
            lines += [pool.submit(self._broker)] if "broker" in services else []
            lines += [pool.submit(self._run, "exporter")] if "exporter" in services else []
            for line in lines:
                line.result()

    def _database_and_airflow(self, services: tuple[str, ...]) -> None:
        if "database" in services:
            self._database()
        else:
            self._database_elsewhere()
        database.create_databases(self.settings)
        self._registry()
        parts = [service for service in services if service in AIRFLOW]
        if parts:
            self._airflow(parts)

    def _database(self) -> None:
        if not self.supervisor.state("database").alive:
            database.prepare(self.home, self.settings)
        self._run("database")

    def _database_elsewhere(self) -> None:
        if not wait_until(lambda: database.answers(self.settings), _SECONDS["database"], 0.5):
            where = f"{self.settings.hosts.database}:{self.settings.ports.database}"
            fix = "look whether it runs, and at TIDELINE_DATABASE_HOST, _PORT and _PASSWORD"
            raise UserError(f"no database lets {DATABASE_USER} in at {where}", fix)

    def _registry(self) -> None:
        from tideline.registry.migrate import upgrade

        upgrade(self.settings.registry_url)

    def _broker(self) -> None:
        if not self.supervisor.state("broker").alive:
            broker.prepare(self.home, self.settings, self.java)
        self._run("broker")
        self._topics()

    def _topics(self) -> None:
        from tideline.kafka_topics import make_missing

        for topic in make_missing(self.settings.kafka, self.settings.topics):
            self.report(f"topic {topic} was made")

    def _airflow(self, parts: list[str]) -> None:
        airflow_parts.migrate(self.home, self.environment, is_marked="database" not in self.settings.elsewhere)
        for part in parts:
            if part != "scheduler" or "api_server" not in parts:
                self.supervisor.start(part)
        for part in parts:  # the scheduler after the API server: a task that finds none may fail
            self._run(part)

    def _run(self, service: str) -> None:
        begun = time.monotonic()
        self.supervisor.start(service)
        if not wait_until(lambda: self._well(service), _SECONDS.get(service, _AIRFLOW_SECONDS), 0.2):
            raise UserError(f"{service} does not become healthy", f"read {self._log(service)}")
        self.report(f"{service} is healthy ({time.monotonic() - begun:.1f} s)")

    def _well(self, service: str) -> bool:
        state = self.supervisor.state(service)
        if state.state == "FATAL":
            raise UserError(f"{service} does not start", f"read {self._log(service)}")
        return state.state == "RUNNING" and healthy(service, self.settings, state.started_at)

    def _log(self, service: str) -> Path:
        return self.home.logs / f"{service}.log"

    def _spawn(self, services: Iterable[str]) -> None:
        for service in services:
            require_free(self.settings.ports, service)
        keep_ports(self.home, self.settings.ports)
        airflow_parts.configure(self.home, self.settings, ensure_keys(self.home))
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(self._configure())]
        child = subprocess.Popen(
            command,
            env=self.environment,
            cwd=self.home.root,
            start_new_session=True,  # Ctrl-C at `up` must not reach the platform
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if not wait_until(self.supervisor.reachable, 30.0):
            raise UserError(
                f"supervisord does not start (exit {child.poll()})", f"read {self.home.logs}/supervisord.log"
            )

    def _configure(self) -> Path:
        broker.folder(self.home).mkdir(parents=True, exist_ok=True)
        database.ensure_folder(self.home)
        return configure_supervisord(self.home, programs(self.home, self.settings, self.java))
