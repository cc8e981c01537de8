"""A real Prometheus of a test's own: on the loopback interface, with what it asks, its rules and data in a folder."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.debian import PROMETHEUS
from support.rule_files import Document, rule_files
from tideline.platform.waiting import wait_until
from tideline.settings import HOST

START_S: Final = 30
Found = list[dict[str, Any]]


@dataclass(frozen=True)
class Prometheus:
    """One that runs, asked by its API; what it refuses is an AssertionError with its reason."""

    url: str

    def is_ready(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/-/ready").is_success
        return False

    def query(self, expression: str) -> Found:
        """The samples that there are now."""
        return list(self._ask("query", query=expression)["result"])

    def alerts(self) -> Found:
        """Those that are pending or fire."""
        return list(self._ask("alerts")["alerts"])

    def rules(self) -> Found:
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def targets(self) -> Found:
        return list(self._ask("targets", state="active")["activeTargets"])

    def names(self) -> set[str]:
        """Of all series that it has samples of."""
        return set(self._ask("label/__name__/values"))

    def described(self) -> set[str]:
        """The names of all families that it was told of, with samples or without."""
        return set(self._ask("metadata"))

    def _ask(self, what: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=30).json()
        assert answer["status"] == "success", f"{what} {parameters}: {answer.get('error')}"
        return answer["data"]


def scrape_config(job: str, /, *targets: str, path: str = "/metrics", **labels: str) -> dict[str, Any]:
    """A job that asks these addresses."""
    return {"job_name": job, "metrics_path": path, "static_configs": [{"targets": [*targets], "labels": labels}]}


def configuration(scrapes: Sequence[Mapping[str, Any]], every: str) -> Document:
    """Asks and evaluates at one interval, by the rules in the folder `rules` beside it."""
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [*scrapes],
    }


@contextmanager
def running_prometheus(
    folder: Path, config: Document, rules: Mapping[str, Document] | None = None
) -> Iterator[Prometheus]:
    """Runs until the block ends, by these rules, or the project's own."""
    program = PROMETHEUS.find()
    if program is None:
        pytest.skip(PROMETHEUS.missing)
    port = free_port()
    found = Prometheus(f"http://{HOST}:{port}")
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(_command(program, write(folder, config, rules), port), stdout=log, stderr=log)
        try:
            _wait(found, process, folder / "prometheus.log")
            yield found
        finally:
            process.terminate()
            process.wait(START_S)


def write(folder: Path, config: Document, rules: Mapping[str, Document] | None = None) -> Path:
    """The files that a Prometheus starts by; JSON is YAML."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for name, document in (rule_files() if rules is None else rules).items():
        (folder / "rules" / name).write_text(json.dumps(document))
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config))
    return file


def _command(program: Path, config: Path, port: int) -> list[str]:
    return [
        str(program),
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    ]


def _wait(found: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    ready: Callable[[], bool] = lambda: found.is_ready() or process.poll() is not None  # noqa: E731
    assert wait_until(ready, START_S) and process.poll() is None, log.read_text()


def free_port() -> int:
    with socket.socket() as held:
        held.bind((HOST, 0))
        return int(held.getsockname()[1])
