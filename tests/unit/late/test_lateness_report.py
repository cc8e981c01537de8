"""`tideline lateness` and `tideline late-alerts`, on the tables of a stream that was played."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.records import log_line
from tideline.bench.player import Player
from tideline.home import Home
from tideline.lateness_report import LatenessReport, lateness_report
from tideline.reconcile import reconcile_books
from tideline.spec.model import StreamSpec

SPEC: dict[str, Any] = {
    "name": "small",
    "source": {"topic": "small"},
    "watermark": "10 seconds",
    "metrics": {"counts": {"window": "10 seconds", "keys": ["service"], "measures": {"n": "count"}}},
    "late_data": {"alert": {"key": "user_id", "more_than": 1, "within": "1 hour"}},
}


def played(home: Home) -> Player:
    """Three events on time; two of one user late, by a pane that begins 57 s behind the greatest event time known."""
    player = Player(home.tables("small"), StreamSpec.model_validate(SPEC))
    for batch in (
        [log_line(55)],
        [log_line(56), log_line(57, "b")],
        [log_line(6, user_id="u"), log_line(7, user_id="u")],
    ):
        player.play(*batch)
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(yaml.safe_dump(SPEC))
    return player


def report_of(root: Path, target: float) -> LatenessReport:
    player = played(Home(root))
    return lateness_report(player.tables, player.spec, target)


def test_the_report_measures_and_advises(tmp_path: Path) -> None:
    report = report_of(tmp_path, 0.001)
    assert (report.total.events, report.total.late, report.resolution_ms) == (5, 2, 10_000)
    assert report.total.quantiles["max"] == 57_000
    assert (
        report.verdict == "the smallest delay with at most 0.1 % late events is 48 s (now 10 s): watermark: 48 seconds"
    )


def test_where_no_delay_helps_the_reason_is_told(tmp_path: Path) -> None:
    player = Player(tmp_path, StreamSpec.model_validate(SPEC))
    for batch in ([log_line(1_800_000_000)], [log_line(1_800_000_001)], [log_line(800_000_000)]):
        player.play(*batch)
    assert lateness_report(player.tables, player.spec, 0.001).verdict == (
        "no delay of up to 7 days keeps late events at 0.1 % or less: with it 33.333% of all would be; a log of "
        "another time wants a topic and a stream of its own"
    )


def test_groups_held_are_those_of_the_windows_in_parts(tmp_path: Path) -> None:
    """[50, 60) holds `a` and `b`; the window of the late events has no part."""
    choices = {choice.delay_ms: choice for choice in report_of(tmp_path, 0.001).advice.choices}
    assert (choices[10_000].groups_mean, choices[10_000].groups_most) == (2.0, 2)


def tideline(home: Home, *arguments: str) -> str:
    command = [sys.executable, "-m", "tideline.cli.main", *arguments]
    environ = os.environ | {"TIDELINE_HOME": str(home.root)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    reconcile_books(played(Home(tmp_path)).books)
    return Home(tmp_path)


def test_lateness_is_printed_with_the_present_and_the_advised_delay(home: Home) -> None:
    said = tideline(home, "lateness", "small")
    rows = {" ".join(line.split()) for line in said.splitlines()}
    assert "0 5 2 40.000% 5 s 57 s 57 s 57 s 57 s" in rows
    assert any(row.startswith("10 s 2 40.000% as now") and row.endswith("present") for row in rows)
    assert any(row.startswith("48 s 0 0.000% 38 s later") and row.endswith("advised") for row in rows)
    assert "a deploy, which begins a new generation" in said


def test_as_json_it_is_one_object(home: Home) -> None:
    found = json.loads(tideline(home, "lateness", "small", "--target", "0.5", "--json"))
    assert (found["late"], found["advice"]["advised_ms"], found["partitions"][0]["partition"]) == (2, 0, 0)


def test_late_alerts_are_listed(home: Home) -> None:
    assert "user_id  u      2 " in tideline(home, "late-alerts", "small")
    (alert,) = json.loads(tideline(home, "late-alerts", "small", "--json"))["alerts"]
    assert (alert["alert_key"], alert["late_event_count"]) == ("u", 2)


@pytest.mark.parametrize(
    ("late_data", "said"),
    [
        ({}, "small declares no alert: add `late_data: {alert: {key: ..., more_than: 5, within: 1 hour}}`"),
        (
            {"alert": {"key": "user_id", "more_than": 5, "within": "1 hour"}},
            "no user_id had more than 5 late events within 1 h, of what is corrected",
        ),
    ],
)
def test_without_a_late_alert_no_table_is_shown(tmp_path: Path, late_data: dict[str, Any], said: str) -> None:
    home = Home(tmp_path)
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(yaml.safe_dump({**SPEC, "late_data": late_data}))
    assert tideline(home, "late-alerts", "small").splitlines() == [said]


def test_after_a_changed_deploy_the_batches_left_out_are_told(tmp_path: Path) -> None:
    player = played(Home(tmp_path))
    changed = StreamSpec.model_validate({**SPEC, "watermark": "20 seconds"})
    Player(player.root, changed, 2, log=player.log)
    report = lateness_report(player.tables, changed, 0.001)
    assert report.verdict == "no events yet by this spec; 3 batches ran by another: nothing can be advised"
    assert (report.as_dict()["batches"], report.as_dict()["other_batches"]) == (0, 3)
