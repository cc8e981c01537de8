"""A Spark job as a stream: Airflow deploys it, proves it STABLE, restarts it when it is killed, and stops it."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from support.platform import Platform
from tideline.keeper.report import recent_transitions
from tideline.platform.waiting import wait_until

STREAM = "server-errors"
pytestmark = pytest.mark.slow  # minutes of starting drivers


def driver(whole: Platform) -> int:
    return int(json.loads(whole.home.stream(STREAM).heartbeat.read_text())["pid"])


def test_a_job_is_kept_like_any_stream(whole: Platform, told: dict[str, Any]) -> None:
    deployed = whole.run("deploy", STREAM)
    assert deployed.returncode == 0, deployed.stderr
    assert f"{STREAM} STABLE at epoch 1" in deployed.stdout + deployed.stderr
    assert (whole.stream(STREAM)["state"], whole.stream(STREAM)["backlog"]) == ("STABLE", 0)

    os.kill(driver(whole), signal.SIGKILL)
    assert wait_until(
        lambda: whole.stream(STREAM)["epoch"] == 2 and whole.stream(STREAM)["state"] == "STABLE", 240, every=1
    ), [(row.to_state, row.reason) for row in recent_transitions(whole.settings, STREAM)]

    refused = whole.run("verify", STREAM)
    assert refused.returncode == 2
    assert "it has no metrics" in refused.stderr

    stopped = whole.run("stop", STREAM)
    assert stopped.returncode == 0, stopped.stderr
    assert whole.stream(STREAM)["state"] == "STOPPED"
