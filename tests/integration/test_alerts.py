"""Every alert in a real Prometheus: it fires with its cause, and resolves with it. A minute is a third of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from support.alert_cases import CASES, TROUBLE, WELL
from support.prometheus import Prometheus, configuration, running_prometheus
from support.rule_files import rule_files, scaled
from support.scene_server import Stage, scrapes, shown
from tideline.platform.waiting import wait_until

SCALE: Final = 1 / 180
EVERY: Final = "250ms"
HOUR_S: Final = 3_600 * SCALE
"""The longest range that a rule looks back over."""
PATIENCE_S: Final = 60
ALL: Final = {case.fired for case in CASES}
Fired = set[tuple[str, str, str]]


def firing(alerts: list[dict[str, Any]]) -> Fired:
    return {
        (labels["alertname"], labels["severity"], labels.get("stream", ""))
        for alert in alerts
        if alert["state"] == "firing" and (labels := alert["labels"])
    }


def await_firing(prometheus: Prometheus, is_so: Callable[[Fired], bool]) -> Fired:
    """What fires once it is so, or at the end of all patience."""
    wait_until(lambda: is_so(firing(prometheus.alerts())), PATIENCE_S, every=0.25)
    return firing(prometheus.alerts())


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(WELL)


def test_every_alert_fires_with_its_cause_and_resolves_with_it(stage: Stage, tmp_path: Path) -> None:
    rules = {name: scaled(document, SCALE) for name, document in rule_files().items()}
    with (
        shown(stage) as address,
        running_prometheus(tmp_path, configuration(scrapes(WELL, address), EVERY), rules) as prometheus,
    ):
        assert wait_until(lambda: stage.moment().at > HOUR_S, PATIENCE_S)  # until every range is full
        assert firing(prometheus.alerts()) == set()
        stage.scene = TROUBLE
        assert await_firing(prometheus, lambda fired: fired >= ALL) == ALL
        told = [alert["annotations"] for alert in prometheus.alerts() if alert["state"] == "firing"]
        stage.scene = WELL
        assert await_firing(prometheus, lambda fired: not fired) == set()
        assert [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"] == []
    assert [text for each in told for text in each.values() if "<error" in text or "<no value" in text] == []
