"""The Alertmanager example of docs/alerts.md: what it says of alerts is true of those that there are."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from support.records import CHECKOUT
from support.rule_files import alerts

BLOCKS: Final = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "docs" / "alerts.md").read_text(), re.DOTALL)
CONFIG: Final[dict[str, Any]] = next(found for block in BLOCKS if "route" in (found := yaml.safe_load(block)))


def test_what_lasts_is_told_again_every_half_hour_and_by_stream() -> None:
    assert (CONFIG["route"]["repeat_interval"], CONFIG["route"]["group_by"]) == ("30m", ["stream"])


def test_each_severity_has_a_receiver() -> None:
    severities = {rule["labels"]["severity"] for rule in alerts()}
    routes = {route["matchers"][0]: route["receiver"] for route in CONFIG["route"]["routes"]}
    assert set(routes) == {f'severity="{severity}"' for severity in severities}
    assert {CONFIG["route"]["receiver"], *routes.values()} == {each["name"] for each in CONFIG["receivers"]}


def test_alerts_that_silence_others_exist() -> None:
    matchers = [matcher for rule in CONFIG["inhibit_rules"] for matcher in rule["source_matchers"]]
    named = {name for matcher in matchers for name in re.findall(r"Tideline\w+", matcher)}
    assert named and named <= {rule["alert"] for rule in alerts()}
