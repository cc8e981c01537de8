"""A real Prometheus of a test's own: on the loopback interface, with what it asks, its rules and data in a folder."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.debian import PROMETHEUS, PUSHGATEWAY, Program
from support.rule_files import Document, rule_files
from tideline.platform.waiting import wait_until
from tideline.settings import HOST

START_S: Final = 30
Found = list[dict[str, Any]]


@dataclass(frozen=True)
class Prometheus:
    """One that runs, asked by its API; what it refuses is an AssertionError with its reason."""

    url: str

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


def in_a_hurry(config: Document, every: str) -> Document:
    """The same at a shorter interval."""
    for discovery in (found for job in config["scrape_configs"] for found in job.get("http_sd_configs", ())):
        discovery["refresh_interval"] = every
    return config | {"global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}}


@contextmanager
def running_prometheus(
    folder: Path, config: Document, rules: Mapping[str, Document] | None = None
) -> Iterator[Prometheus]:
    """Runs until the block ends, by these rules, or the project's own."""
    options = {"config.file": write(folder, config, rules), "storage.tsdb.path": folder / "data"}
    with _running(PROMETHEUS, folder, options) as address:
        yield Prometheus(f"http://{address}")


@contextmanager
def running_pushgateway(folder: Path) -> Iterator[str]:
    """The address of a Pushgateway that runs until the block ends."""
    with _running(PUSHGATEWAY, folder, {}) as address:
        yield address


@contextmanager
def _running(program: Program, folder: Path, options: Mapping[str, Path]) -> Iterator[str]:
    """Its address, once it is ready; skips the test where the program cannot be had."""
    path = program.find()
    if path is None:
        pytest.skip(program.missing)
    address, log = f"{HOST}:{free_port()}", folder / f"{program.package}.log"
    told = [f"--{option}={value}" for option, value in options.items()]
    with log.open("wb") as output:
        command = [str(path), f"--web.listen-address={address}", "--log.level=warn", *told]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until(lambda: is_ready(address) or process.poll() is not None, START_S)
            assert is_ready(address), log.read_text()
            yield address
        finally:
            process.terminate()
            process.wait(START_S)


def is_ready(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://{address}/-/ready").is_success
    return False


def write(folder: Path, config: Document, rules: Mapping[str, Document] | None = None) -> Path:
    """The files that a Prometheus starts by; JSON is YAML."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for name, document in (rule_files() if rules is None else rules).items():
        (folder / "rules" / name).write_text(json.dumps(document))
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config))
    return file


def free_port() -> int:
    with socket.socket() as held:
        held.bind((HOST, 0))
        return int(held.getsockname()[1])
