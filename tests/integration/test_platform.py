"""`tideline up`, `down` and `status` on real parts, also when some of them are killed."""

from __future__ import annotations

import json
import os
import signal
import socket
from dataclasses import asdict
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import psutil
import pytest

from support.platform import Platform
from tideline.platform.services import SERVICES
from tideline.platform.status import service_states
from tideline.platform.supervisor import Supervisor
from tideline.platform.waiting import wait_until

SMALL = ("up", "--only", "database,broker")


def pids(platform: Platform) -> dict[str, int | None]:
    return {state.name: state.pid for state in Supervisor(platform.home).programs()}


def statuses(platform: Platform) -> dict[str, str]:
    return dict(json.loads(platform.run("status", "--json").stdout)["services"])


def listeners(platform: Platform) -> set[IPv4Address | IPv6Address]:
    """Java binds an IPv4 address through IPv6, where it is written `::ffff:127.0.0.1`."""
    return {
        ip_address(connection.laddr.ip.removeprefix("::ffff:"))
        for process in platform.processes()
        for connection in connections(process)
        if connection.status == psutil.CONN_LISTEN
    }


def connections(process: psutil.Process) -> list[Any]:
    """Airflow's parts start short-lived children: one that has ended since it was listed listens no more."""
    try:
        return list(process.net_connections("inet"))
    except psutil.NoSuchProcess:
        return []


def secrets_in(platform: Platform, *texts: str) -> list[str]:
    secrets = json.loads((platform.home.root / "keys.json").read_text()).values()
    return [secret for text in texts for secret in secrets if secret in text]


def test_up_and_down_twice_with_every_service(fresh_platform: Platform) -> None:
    first = fresh_platform.run("up")
    assert first.returncode == 0, first.stderr
    assert fresh_platform.settings.api_url in first.stdout
    assert "airflow/passwords.json" in first.stdout
    before = pids(fresh_platform)
    assert fresh_platform.run("up").returncode == 0
    assert pids(fresh_platform) == before
    assert statuses(fresh_platform) == dict.fromkeys(SERVICES, "healthy")
    assert listeners(fresh_platform) == {ip_address("127.0.0.1")}
    for _ in range(2):
        assert fresh_platform.run("down").returncode == 0
        assert fresh_platform.processes() == []
    assert statuses(fresh_platform) == dict.fromkeys(SERVICES, "stopped")
    logs = [file.read_text() for file in fresh_platform.home.logs.glob("*.log")]
    assert secrets_in(fresh_platform, first.stdout, first.stderr, *logs) == []


@pytest.mark.parametrize("part", ["database", "broker"])
def test_down_after_a_part_was_killed(fresh_platform: Platform, part: str) -> None:
    fresh_platform.start(part)
    os.kill(pids(fresh_platform)[part] or 0, signal.SIGKILL)
    assert fresh_platform.run("down").returncode == 0
    assert fresh_platform.processes() == []


def test_down_after_supervisord_was_killed(fresh_platform: Platform) -> None:
    fresh_platform.start("database")
    supervisor = Supervisor(fresh_platform.home)
    supervisor.add_program("driver", ["sleep", "1000"], {}, fresh_platform.home.logs / "driver.log")
    left = [pids(fresh_platform)[name] for name in ("driver", "database")]
    os.kill(supervisor.pid(), signal.SIGKILL)
    assert {process.pid for process in fresh_platform.processes()} >= set(left)
    assert fresh_platform.run("down").returncode == 0
    assert fresh_platform.processes() == []


def test_up_after_supervisord_was_killed(fresh_platform: Platform) -> None:
    fresh_platform.start("database")
    before = pids(fresh_platform)["database"]
    os.kill(Supervisor(fresh_platform.home).pid(), signal.SIGKILL)
    again = fresh_platform.run("up", "--only", "database")
    assert again.returncode == 0, again.stderr
    assert statuses(fresh_platform)["database"] == "healthy"
    assert before not in {process.pid for process in fresh_platform.processes()}


@pytest.mark.parametrize("part", ["database", "broker"])
def test_a_killed_part_comes_back(platform: Platform, part: str) -> None:
    before = pids(platform)[part]
    os.kill(before or 0, signal.SIGKILL)
    assert wait_until(lambda: pids(platform)[part] not in (before, None), 30)
    assert wait_until(lambda: service_states(platform.home, platform.settings)[part] == "healthy", 60, 0.5)


@pytest.mark.parametrize("name", ["database", "broker"])
def test_a_taken_port_is_one_line_with_its_holder(fresh_platform: Platform, name: str) -> None:
    port = asdict(fresh_platform.settings.ports)[name]
    with socket.create_server(("127.0.0.1", port)):
        said = fresh_platform.run(*SMALL)
    assert said.returncode == 2
    (line,) = said.stderr.splitlines()
    assert f"port {port} is taken by process {os.getpid()}" in line
    assert f"TIDELINE_{name.upper()}_PORT" in line
    assert fresh_platform.processes() == []


@pytest.mark.parametrize("command", [SMALL, ("status",)])
def test_a_running_platform_refuses_another_port(platform: Platform, command: tuple[str, ...]) -> None:
    said = platform.run(*command, TIDELINE_BROKER_PORT="1024")
    assert said.returncode == 2
    assert f"runs with port {platform.settings.ports.broker}, and TIDELINE_BROKER_PORT says 1024" in said.stderr


def test_an_unknown_service_is_refused(fresh_platform: Platform) -> None:
    said = fresh_platform.run("up", "--only", "brokre")
    assert (said.returncode, "no service is called brokre" in said.stderr) == (2, True)


def test_down_without_a_platform_changes_nothing(fresh_platform: Platform) -> None:
    assert fresh_platform.run("down", TIDELINE_HOME=str(fresh_platform.home.root / "nowhere")).returncode == 0
    assert not (fresh_platform.home.root / "nowhere").exists()
