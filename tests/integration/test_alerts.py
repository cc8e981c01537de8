"""Every alert in a real Prometheus: it fires with its cause, and resolves with it. A minute is a third of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from support.alert_cases import CASES, TROUBLE, WELL
from support.prometheus import Prometheus, configuration, running_prometheus
from support.rule_files import alerts, milliseconds, rule_files, scaled
from support.scene_server import Stage, scrapes, shown
from tideline.platform.waiting import wait_until

SCALE: Final = 1 / 180
EVERY: Final = "1s"
LONGEST_S: Final = max(milliseconds(rule["for"]) for rule in alerts()) / 1_000 * SCALE
PATIENCE_S: Final = 60
ALL: Final = {case.fired for case in CASES}
Fired = set[tuple[str, str, str]]


def firing(told: list[dict[str, Any]]) -> Fired:
    return {
        (labels["alertname"], labels["severity"], labels.get("stream", ""))
        for alert in told
        if alert["state"] == "firing" and (labels := alert["labels"])
    }


def await_firing(prometheus: Prometheus, expected: Fired) -> Fired:
    """What fires once it is just that, or when patience ends: what a missed scrape sets off is over soon."""
    seen: Fired = set()

    def is_so() -> bool:
        nonlocal seen
        seen = firing(prometheus.alerts())
        return seen == expected

    wait_until(is_so, PATIENCE_S, every=0.25)
    return seen


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(WELL)


def test_every_alert_fires_with_its_cause_and_resolves_with_it(stage: Stage, tmp_path: Path) -> None:
    rules = {name: scaled(document, SCALE) for name, document in rule_files().items()}
    with (
        shown(stage) as address,
        running_prometheus(tmp_path, configuration(scrapes(WELL, address), EVERY), rules) as prometheus,
    ):
        assert wait_until(lambda: len(prometheus.query("up == 1")) == len(prometheus.targets()) > 0, PATIENCE_S)
        assert wait_until(lambda: stage.moment().at > LONGEST_S, PATIENCE_S)
        assert await_firing(prometheus, set()) == set()
        stage.scene = TROUBLE
        assert await_firing(prometheus, ALL) == ALL
        told = [alert["annotations"] for alert in prometheus.alerts() if alert["state"] == "firing"]
        stage.scene = WELL
        assert await_firing(prometheus, set()) == set()
        assert [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"] == []
    assert [text for each in told for text in each.values() if "<error" in text or "<no value" in text] == []
