"""Services by name, their health in one word, and what they are given."""

from __future__ import annotations

import os
from configparser import ConfigParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tideline.errors import UserError
from tideline.home import PROJECT_SPECS, Home
from tideline.platform.airflow_parts import configure, is_healthy
from tideline.platform.broker import properties
from tideline.platform.database import open_to_all
from tideline.platform.environment import environment
from tideline.platform.java import JavaHome
from tideline.platform.keys import ensure_keys
from tideline.platform.services import SERVICES, chosen
from tideline.platform.status import word
from tideline.platform.supervisor_rpc import ProgramState, socket_path
from tideline.settings import Ports, Settings

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "services"),
    [
        ((), SERVICES),
        (("broker",), ("broker",)),
        (("broker", "database"), ("database", "broker")),
        (("api_server",), ("database", "api_server")),
        (("exporter",), ("exporter",)),
    ],
)
def test_a_choice_takes_what_it_needs_in_order(asked: tuple[str, ...], services: tuple[str, ...]) -> None:
    assert chosen(asked) == services


def test_an_unknown_service_is_named() -> None:
    with pytest.raises(UserError, match="brokre") as error:
        chosen(["brokre"])
    assert "broker" in error.value.fix


@pytest.mark.parametrize(
    ("state", "well", "expected"),
    [
        ("RUNNING", True, "healthy"),
        ("RUNNING", False, "starting"),
        ("STARTING", False, "starting"),
        ("BACKOFF", False, "failed"),
        ("FATAL", False, "failed"),
        ("EXITED", False, "failed"),
        ("STOPPED", False, "stopped"),
        ("ABSENT", False, "stopped"),
    ],
)
def test_a_state_in_one_word(state: str, well: bool, expected: str) -> None:
    assert word(ProgramState("broker", state), well=well) == expected


@pytest.mark.parametrize(
    ("said", "healthy"),
    [
        ({}, False),
        ({"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-01-01T12:00:01+00:00"}}, True),
        ({"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-01-01T11:59:59+00:00"}}, False),
        ({"scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-01-01T12:00:01+00:00"}}, False),
        ({"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": None}}, False),
        ({"scheduler": None}, False),
    ],
)
def test_only_a_heartbeat_after_the_start_counts(said: dict[str, Any], healthy: bool) -> None:
    assert is_healthy("scheduler", said, START) is healthy


def test_the_api_server_is_healthy_when_it_answers() -> None:
    assert (is_healthy("api_server", {}, START), is_healthy("api_server", {"scheduler": {}}, START)) == (False, True)


def test_the_callers_own_airflow_does_not_reach_the_platform(tmp_path: Path) -> None:
    callers = {"AIRFLOW__CORE__EXECUTOR": "x", "PYTHONPATH": "/x", "HOME": "/h", "PATH": "/p", "TIDELINE_X": "1"}
    given = environment(Home(tmp_path), JavaHome(Path("/java")), callers)
    assert "AIRFLOW__CORE__EXECUTOR" not in given
    assert "PYTHONPATH" not in given
    assert (given["HOME"], given["TIDELINE_X"], given["TIDELINE_HOME"]) == ("/h", "1", str(tmp_path))
    assert given["PATH"].split(os.pathsep)[1:] == ["/java/bin", "/p"]


@pytest.mark.parametrize(("callers", "folder"), [({}, PROJECT_SPECS), ({"TIDELINE_STREAMS": "/specs"}, Path("/specs"))])
def test_the_platform_reads_the_specs_of_the_environment_it_is_given(
    tmp_path: Path, callers: dict[str, str], folder: Path
) -> None:
    given = environment(Home(tmp_path), JavaHome(Path("/java")), callers)
    assert given["TIDELINE_STREAMS"] == str(folder)


def test_airflows_file_is_private_and_takes_any_password(tmp_path: Path) -> None:
    settings = Settings(Ports(), "100%x")
    configure(Home(tmp_path), settings, ensure_keys(Home(tmp_path)))
    file = tmp_path / "airflow" / "airflow.cfg"
    parser = ConfigParser()
    parser.read(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert parser["database"]["sql_alchemy_conn"] == settings.airflow_url


def test_the_broker_listens_on_loopback_only() -> None:
    lines = dict(line.split("=", 1) for line in properties(Settings(), Path("/data")).splitlines())
    assert lines["listeners"] == "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"
    assert (lines["log.retention.ms"], lines["auto.create.topics.enable"]) == ("-1", "false")


def test_a_folder_is_open_only_if_all_above_it_are(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o755)
    assert not open_to_all(inner) or tmp_path.stat().st_mode & 0o001
    tmp_path.chmod(0o700)
    assert not open_to_all(inner)
    assert open_to_all(Path("/usr"))


def test_a_long_home_has_a_short_socket(tmp_path: Path) -> None:
    deep = Home(tmp_path / ("x" * 120))
    other = Home(tmp_path / ("y" * 120))
    assert socket_path(Home(Path("/h"))) == Path("/h/supervisor/supervisor.sock")
    assert len(str(socket_path(deep))) < 90
    assert socket_path(deep) != socket_path(other)
