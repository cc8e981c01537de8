"""The rules by promtool: they are valid, and each alert fires when it should, after its `for`, and else does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from support.alert_cases import CASES, Case
from support.promtool import firing_at, promtool, run_rules, written_series
from support.rule_files import FOLDER, Rule, alerts, milliseconds, recorded, rule_files, rules_of
from support.scene import QUIET
from tideline.exporter.catalogue import CATALOGUE
from tideline.keeper.failures import FailureClass
from tideline.keeper.verdict import WARNED, Kind, Severity

BEGIN, END, LAST = 75, 120, 190
"""Minutes: trouble begins when each range is full, and after its end each range is emptied of it."""
FOREIGN: Final = {"up", "push_time_seconds"}
CASE_NAMES: Final = [f"{case.alert}-{case.stream}" for case in CASES]


def minutes_of(case: Case) -> int:
    (rule,) = (each for each in alerts() if (each["alert"], each["labels"]["severity"]) == case.fired[:2])
    return milliseconds(rule["for"]) // 60_000


def labels_of(case: Case) -> dict[str, str]:
    """All labels that the alert has: those that its condition names beside the stream are the case's own."""
    alert, severity, _ = case.fired
    return {
        "alertname": alert,
        "severity": severity,
        **dict(case.more),
        **({"stream": case.stream} if case.of_stream else {}),
    }


def test_promtool_finds_every_file_valid() -> None:
    assert promtool("check", "rules", *(str(path) for path in sorted(FOLDER.glob("*.yml")))) == ""


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_an_alert_fires_after_its_time_and_is_over_with_its_cause(case: Case, tmp_path: Path) -> None:
    before = {**QUIET, **case.before}
    series = written_series(before, {**QUIET, **case.troubled()}, BEGIN, END, LAST)
    fires = [labels_of(case)]
    checks = [
        firing_at(BEGIN - 1, []),
        firing_at(BEGIN + minutes_of(case) - 1, []),
        firing_at(END - 1, fires),
        firing_at(LAST - 1, []),
    ]
    assert run_rules(tmp_path, series, checks) == ""


def test_nothing_fires_where_all_is_well_idle_or_asked_to_end(tmp_path: Path) -> None:
    series = written_series(QUIET, QUIET, 0, 0, LAST)
    checks = [firing_at(minute, [], "ALERTS") for minute in range(1, LAST, 10)]  # none is pending either
    assert run_rules(tmp_path, series, checks) == ""


def test_promtool_notices_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    series = written_series(QUIET, QUIET, 0, 0, LAST)
    assert "FAILED" in run_rules(tmp_path, series, [firing_at(LAST - 1, [{"alertname": "TidelineHung"}])])


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
    expressions = " ".join(rule["expr"] for rule in rules_of(rule_files()))
    named = set(re.findall(r"(?<![\w:\"])(?:stream:)?tideline_\w+(?::\w+)?(?![\w\"])", expressions))
    assert named - known == set()
    assert named >= recorded() & {name for name in recorded() if name.startswith("stream:")}


def test_the_series_of_the_dashboards_have_their_names() -> None:
    assert recorded() >= {"health_score", "avg_response_time", "error_rate", "request_count", "anomaly_count"}


def test_every_warning_of_the_keeper_has_an_alert_of_its_name() -> None:
    assert {f"Tideline{kind}" for kind in WARNED | {Kind.HEARTBEAT_LOST}} <= {rule["alert"] for rule in alerts()}


def test_losses_are_all_ends_but_those_that_were_asked_for() -> None:
    (rule,) = (each for each in alerts() if each["alert"] == "TidelineRestartsOften")
    (outcomes,) = re.findall(r'outcome=~"([^"]+)"', rule["expr"])
    assert set(outcomes.split("|")) == set(FailureClass) - {FailureClass.SUPERSEDED}
