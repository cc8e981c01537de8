"""The story of the README in containers: a driver is killed, events come late, and every table is right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.box import Box
from support.docker_engine import Engine
from support.rule_files import alerts, rule_files, rules_of
from support.stand_ins import TIDELINE
from tideline.platform.waiting import wait_until

STREAM = "log-metrics"
OWN = ("api-server", "scheduler", "dag-processor", "triggerer", "drivers", "exporter")
KILL = f"""
import os, signal
from tideline.home import Home
from tideline.platform.supervisor import Supervisor
os.kill(Supervisor(Home.from_env()).state("driver-{STREAM}").pid, signal.SIGKILL)
"""

pytestmark = pytest.mark.compose


def told(box: Box, *arguments: str) -> dict[str, Any]:
    done = box.tideline(*arguments, "--json")
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stream(box: Box) -> dict[str, Any]:
    (row,) = (row for row in told(box, "status")["streams"] if row["name"] == STREAM)
    return dict(row)


def produce(box: Box, count: int, seed: int) -> None:
    """Each time from two hours ago, so that what comes second is late by what came first."""
    how = ("--rate", "150", "--count", str(count), "--seed", str(seed), "--speed", "240")
    done = box.tideline("produce", "--topic", "logs", *how)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def whole(box: Box) -> Box:
    """The box, once every part of it is well."""
    assert wait_until(lambda: not box.unwell(), 600, 5), f"{box.unwell()}\n{box.logs()}"
    return box


@pytest.fixture(scope="module")
def deployed(whole: Box) -> Box:
    """The stream is STABLE, on traffic of its own."""
    produce(whole, 3000, 7)
    done = whole.tideline("deploy", STREAM)
    assert done.returncode == 0, done.stdout + done.stderr + whole.logs()
    return whole


def test_the_topics_of_the_checked_file_are_there(whole: Box) -> None:
    topics = told(whole, "topics")
    assert (topics["holds"], topics["declared"]) == (True, ["logs", "user-events"])


@pytest.mark.parametrize("service", OWN)
def test_no_container_of_ours_runs_as_root(whole: Box, service: str) -> None:
    assert whole.compose("exec", "-T", service, "id", "-u").strip() == "10001"


def test_only_the_loopback_interface_is_bound(whole: Box) -> None:
    bound = [
        where["HostIp"]
        for each in whole.containers().values()
        for ports in each["NetworkSettings"]["Ports"].values()
        for where in ports or []
    ]
    assert len(bound) == 4 and set(bound) == {"127.0.0.1"}


def test_no_password_stands_in_the_image_or_on_a_command_line(whole: Box, engine: Engine) -> None:
    history = engine.docker("history", "--no-trunc", TIDELINE)
    commands = json.dumps([[each["Path"], each["Args"]] for each in whole.containers().values()])
    passwords = [line.split("=")[1] for line in whole.env_file.read_text().splitlines() if "PASSWORD=" in line]
    assert len(passwords) == 3 and not any(word in history + commands for word in passwords)


def test_a_killed_driver_is_started_again_from_its_checkpoint(deployed: Box) -> None:
    before = stream(deployed)
    assert before["state"] == "STABLE"
    deployed.python("drivers", KILL)
    produce(deployed, 3000, 8)
    assert wait_until(lambda: _is_stable_after(deployed, before["epoch"]), 300, 2), stream(deployed)
    assert stream(deployed)["epoch"] == before["epoch"] + 1


def _is_stable_after(box: Box, epoch: int) -> bool:
    row = stream(box)
    return bool(row["state"] == "STABLE" and row["epoch"] > epoch and row["backlog"] == 0)


def test_late_events_are_corrected_and_verify_holds(deployed: Box) -> None:
    produce(deployed, 1500, 9)
    assert wait_until(lambda: stream(deployed)["backlog"] == 0, 120, 2), stream(deployed)
    reconciled = deployed.tideline("reconcile", STREAM)
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr
    report = told(deployed, "verify", STREAM)
    books = report["conservation"]
    assert (report["holds"], report["differences"], books["holds"], books["events"]) == (True, [], True, 7500)
    assert books["late"] > 0 and books["corrected"] == books["late"]


def test_prometheus_scrapes_the_platform_and_the_driver(deployed: Box) -> None:
    def is_scraped() -> bool:
        targets = deployed.get("TIDELINE_PROMETHEUS_PORT", "/api/v1/targets").json()["data"]["activeTargets"]
        up = {each["labels"]["job"] for each in targets if each["health"] == "up"}
        return up == {"tideline_platform", "tideline_drivers", "tideline_pushgateway"}

    assert wait_until(is_scraped, 120, 2), deployed.get("TIDELINE_PROMETHEUS_PORT", "/api/v1/targets").text


def test_every_rule_is_loaded_and_can_be_evaluated(deployed: Box) -> None:
    def rules() -> set[tuple[str, str]]:
        groups = deployed.get("TIDELINE_PROMETHEUS_PORT", "/api/v1/rules").json()["data"]["groups"]
        return {(rule["name"], rule["health"]) for group in groups for rule in group["rules"]}

    wanted = {(rule.get("alert") or rule["record"], "ok") for rule in rules_of(rule_files())}
    assert wait_until(lambda: rules() == wanted, 180, 2), rules() ^ wanted


def test_the_page_of_all_streams_is_there(deployed: Box) -> None:
    answer = deployed.page("/tideline/streams")
    assert answer.status_code == 200, answer.text
    assert f'data-name="{STREAM}"' in answer.text


def test_the_runbook_of_every_alert_is_there(whole: Box) -> None:
    listed = whole.page("/tideline/runbooks").text.split()
    assert sorted(listed) == sorted({rule["alert"] for rule in alerts()})
    assert whole.page(f"/tideline/runbooks/{listed[0]}").text.startswith(f"# {listed[0]}\n")


def test_airflow_asks_who_is_there(whole: Box) -> None:
    assert whole.get("TIDELINE_API_PORT", "/api/v2/dags").status_code == 401
