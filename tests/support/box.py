"""docker-compose.yaml as a test runs it: a project, an `.env` and ports of its own, and nothing left when it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.docker_engine import Engine, run
from support.records import CHECKOUT
from tideline.airflow_api import USER
from tideline.bench.place import free_ports
from tideline.platform.env_file import PORTS, EnvFile, ensure_env_file


@dataclass(frozen=True)
class Box:
    """One compose project."""

    engine: Engine
    project: str
    env_file: Path

    def compose(self, *arguments: str, seconds: float = 900) -> str:
        return run(self._command(*arguments), self._environ, seconds)

    def tideline(self, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """`tideline` in the container of the drivers, as a person would call it."""
        command = self._command("exec", "-T", "drivers", "tideline", *arguments)
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=seconds, check=False)

    def python(self, service: str, text: str) -> str:
        return self.compose("exec", "-T", service, "python", "-c", text, seconds=120)

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each service's container."""
        ids = self.compose("ps", "-q").split()
        found: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", *ids))
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def unwell(self) -> dict[str, str]:
        """The services that are not well, and how they are."""
        states = {name: each["State"] for name, each in self.containers().items()}
        return {name: _word(state) for name, state in states.items() if not _is_well(state)}

    def get(self, variable: str, path: str) -> httpx.Response:
        """What answers on a published port."""
        port = EnvFile.read(self.env_file).port(variable, {})
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10, trust_env=False)

    def page(self, path: str) -> httpx.Response:
        """A page of Airflow's web server, as its user `admin` finds it."""
        found = EnvFile.read(self.env_file)
        address = f"http://127.0.0.1:{found.port('TIDELINE_API_PORT', {})}"
        login = {"username": USER, "password": found.values["TIDELINE_ADMIN_PASSWORD"]}
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            token = client.post("/auth/token", json=login).json()["access_token"]
            return client.get(path, headers={"Authorization": f"Bearer {token}"})

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "40")

    @property
    def _environ(self) -> dict[str, str]:
        """Nothing that a person has set for an installation of their own."""
        return {name: value for name, value in self.engine.environ.items() if not name.startswith("TIDELINE_")}

    def _command(self, *arguments: str) -> list[str]:
        command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        file = ["-f", str(CHECKOUT / "docker-compose.yaml"), "--env-file", str(self.env_file)]
        return [*command, *file, "-p", self.project, *arguments]


@contextmanager
def running_box(engine: Engine, images: Mapping[str, str], folder: Path) -> Iterator[Box]:
    """All of it up; its containers, volumes and network end with the block."""
    env_file = folder / ".env"
    numbers = vars(free_ports()).values()
    chosen = dict(images) | {name: str(number) for name, number in zip(PORTS, numbers, strict=False)}
    env_file.write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
    ensure_env_file(env_file)
    box = Box(engine, f"tideline-test-{os.getpid()}", env_file)
    try:
        try:
            box.compose("up", "-d", "--no-build", seconds=1200)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{box.logs()}") from None
        yield box
    finally:
        box.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")


def _is_well(state: Mapping[str, Any]) -> bool:
    if state["Status"] == "exited":
        return bool(state["ExitCode"] == 0)
    return bool(state["Running"] and state.get("Health", {}).get("Status") == "healthy")


def _word(state: Mapping[str, Any]) -> str:
    health = state.get("Health", {}).get("Status", "no health check")
    return f"{state['Status']} ({state['ExitCode']}), {health}"
