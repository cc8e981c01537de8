"""The rules by promtool: they are valid, and each alert fires when it should, after its `for`, and else does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from support.alert_cases import CASES, TROUBLE, WELL, Case, nobody_asks, replaced
from support.dashboards import series_in
from support.promtool import Check, alerts_at, promtool, run_rules, written_series
from support.rule_files import FOLDER, Rule, alerts, milliseconds, recorded, rule_files, rules_of
from support.scene import PLATFORM
from tideline.exporter.catalogue import CATALOGUE
from tideline.keeper.failures import FailureClass
from tideline.keeper.lifecycle import LIVE
from tideline.keeper.verdict import WARNED, Kind, Severity

BEGIN, END, LAST = 20, 55, 118
"""Minutes: trouble lasts longer than any `for`, and after it comes more than the longest range."""
LOOKBACK: Final = 5
"""Minutes for which Prometheus takes the last sample of a series that is not told any more, where no scrape fails."""
FOREIGN: Final = {"up", "push_time_seconds"}
CASE_NAMES: Final = [f"{case.alert}-{case.stream}" for case in CASES]
FIRING: Final = 'ALERTS{alertstate="firing"}'


def minutes_of(case: Case) -> int:
    (rule,) = (each for each in alerts() if (each["alert"], each["labels"]["severity"]) == case.fired[:2])
    return milliseconds(rule["for"]) // 60_000


def checks_of(case: Case) -> list[Check]:
    """It does not fire before its time, fires after it, and is over with its cause."""
    labels = {"alertname": case.alert, "severity": case.severity, **dict(case.more)}
    labels |= {"stream": case.stream} if case.of_stream else {}
    its = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    expression = f'ALERTS{{alertstate="firing", {its}}}'
    too_early, late = BEGIN + minutes_of(case) - 1, END - 1
    return [alerts_at(too_early, expression), alerts_at(late, expression, labels), alerts_at(LAST - 1, expression)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What promtool finds wrong where all cases happen at once, beside streams that nothing is wrong with."""
    every = [check for case in CASES for check in checks_of(case)]
    nothing_else = [
        alerts_at(BEGIN - 1, "ALERTS"),  # none is pending either
        {
            "expr": f"count({FIRING})",
            "eval_time": f"{END - 1}m",
            "exp_samples": [{"labels": "{}", "value": len(CASES)}],
        },
        alerts_at(LAST - 1, "ALERTS"),
    ]
    series = written_series(WELL, TROUBLE, BEGIN, END, LAST)
    return run_rules(tmp_path_factory.mktemp("rules"), series, [*every, *nothing_else])


def test_promtool_finds_every_file_valid() -> None:
    assert promtool("check", "rules", *(str(path) for path in sorted(FOLDER.glob("*.yml")))) == ""


def test_promtool_takes_the_configuration_of_the_containers() -> None:
    assert promtool("check", "config", "--syntax-only", str(FOLDER.parent / "compose.yml")) == ""


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_an_alert_fires_after_its_time_and_is_over_with_its_cause(case: Case, found: str) -> None:
    wrong = {check["expr"] for check in checks_of(case)}
    assert [line for line in found.splitlines() if any(json.dumps(each) in line for each in wrong)] == []


def test_nothing_fires_without_a_case(found: str) -> None:
    assert found == ""


def test_an_exporter_that_is_asked_no_more_is_missed_and_nothing_else_is_said(tmp_path: Path) -> None:
    before, trouble = nobody_asks()
    labels = {"alertname": "TidelineExporterDown", "severity": "page", "job": PLATFORM}
    (down,) = (each for each in alerts() if each["alert"] == "TidelineExporterDown")
    early = BEGIN + LOOKBACK + milliseconds(down["for"]) // 60_000 - 1
    checks = [alerts_at(BEGIN - 1, FIRING), alerts_at(early, FIRING), alerts_at(END - 1, FIRING, labels)]
    checks.append(alerts_at(LAST - 1, FIRING))
    assert run_rules(tmp_path, written_series(before, trouble, BEGIN, END, LAST), checks) == ""


def test_a_driver_that_is_replaced_sets_nothing_off(tmp_path: Path) -> None:
    back = BEGIN + 3
    series = written_series(*replaced("renewed", BEGIN, back), BEGIN, back, LAST)
    every = [alerts_at(minute, FIRING) for minute in range(LAST)]
    assert run_rules(tmp_path, series, every) == ""


def test_promtool_notices_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    up = [{"series": 'up{job="tideline_platform"}', "values": "1 1 1 1 1"}]
    assert "FAILED" in run_rules(tmp_path, up, [alerts_at(4, FIRING, {"alertname": "TidelineHung"})])


def test_every_alert_has_a_case() -> None:
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()} == {case.fired[:2] for case in CASES}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_how_grave_it_is_and_what_to_do(rule: Rule) -> None:
    assert rule["labels"]["severity"] in set(Severity)
    assert milliseconds(rule["for"]) >= 60_000
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


def test_rules_name_no_series_that_there_is_not() -> None:
    known = {series.name for series in CATALOGUE} | recorded() | FOREIGN
    named = set().union(*(series_in(rule["expr"]) for rule in rules_of(rule_files())))
    assert named - known == set()
    assert len(named) > 20


def test_the_series_of_the_dashboards_have_their_names() -> None:
    assert recorded() >= {"health_score", "avg_response_time", "error_rate", "request_count", "anomaly_count"}


def test_every_warning_of_the_keeper_has_an_alert_of_its_name() -> None:
    assert {f"Tideline{kind}" for kind in WARNED | {Kind.HEARTBEAT_LOST}} <= {rule["alert"] for rule in alerts()}


def test_a_keeper_is_missed_where_there_is_a_driver_to_look_at() -> None:
    (rule,) = (each for each in alerts() if each["alert"] == "TidelineKeeperAway")
    (states,) = re.findall(r'state=~"([^"]+)"', rule["expr"])
    assert set(states.split("|")) == LIVE


def test_losses_are_all_ends_but_those_that_were_asked_for() -> None:
    (rule,) = (each for each in alerts() if each["alert"] == "TidelineRestartsOften")
    (outcomes,) = re.findall(r'outcome=~"([^"]+)"', rule["expr"])
    assert set(outcomes.split("|")) == set(FailureClass) - {FailureClass.SUPERSEDED}
