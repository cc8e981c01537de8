"""What a spec says of detectors, its faults with their places, and the command that shows what they found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.records import log_line
from tideline.bench.player import Player
from tideline.cli.main import app
from tideline.home import Home
from tideline.spec.load import parse_spec
from tideline.spec.problems import SpecError

GOOD = """\
name: shop
source: {topic: logs}
watermark: 10 seconds
metrics:
  counts:
    window: 10 seconds
    keys: [service]
    measures:
      requests: count
      services: set(user_id)
    derived:
      half: requests / 2.0
detectors:
  spike: {kind: rise, metric: counts, observed: half, by: 10}
  odd: {kind: zscore, metric: counts, observed: requests, windows: 5, at_least: 4}
  many:
    kind: threshold
    metric: counts
    observed: requests
    when: requests > 3 and len(services) = 0
"""


def test_the_spec_is_right() -> None:
    assert [detector.kind for detector in parse_spec(GOOD, "shop.yaml").detectors.values()] == [
        "rise",
        "zscore",
        "threshold",
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message", "hint"),
    [
        (
            "metric: counts, observed: half",
            "metric: count, observed: half",
            14,
            "there is no metric 'count'",
            "'counts'?",
        ),
        ("observed: half", "observed: halves", 14, "counts has no column 'halves'", "'half'?"),
        ("observed: half", "observed: services", 14, "'services' is no number", "numbers are requests, half"),
        ("when: requests >", "when: request >", 20, "there is no column 'request'", "'requests'?"),
        ("when: requests > 3 and len(services) = 0", "when: requests", 20, "a condition is true or false", "compare"),
        ("at_least: 4", "at_least: 6", 15, "of 5 windows there are never 6", "`at_least: 5`"),
        ("windows: 5", "windows: 0", 15, "0 is out of bounds", "write at least 2"),
        ("windows: 5, at_least: 4", "windows: -1", 15, "-1 is out of bounds", "write at least 2"),
        ("by: 10", "by: 0", 14, "this must be more than 0", ""),
        (", by: 10", "", 14, "key 'by' is missing in detectors.spike", ""),
        ("by: 10", "by: 10, beyond: 2", 14, "unknown key 'beyond' in detectors.spike", ""),
        ("kind: rise", "kind: raise", 14, "this is no kind of detector", "'rise'"),
    ],
)
def test_a_fault_is_one_problem_at_its_place(right: str, wrong: str, line: int, message: str, hint: str) -> None:
    assert right in GOOD
    with pytest.raises(SpecError) as caught:
        parse_spec(GOOD.replace(right, wrong, 1), "shop.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, message in problem.message, hint in problem.hint) == (line, True, True), problem


@pytest.mark.parametrize("sql", ["requests * 100.0", "1.5::float", "requests::hugeint", "make_date(2026, 1, 1)"])
def test_a_threshold_may_stand_beside_any_derived_column(sql: str) -> None:
    parse_spec(GOOD.replace("half: requests / 2.0", f"half: requests / 2.0\n      other: {sql}"), "shop.yaml")


@pytest.mark.parametrize("sql", ["hash(service)", "requests::bignum"])
def test_what_a_table_cannot_hold_is_refused(sql: str) -> None:
    with pytest.raises(SpecError, match="a table cannot hold"):
        parse_spec(GOOD.replace("half: requests / 2.0", f"half: requests / 2.0\n      other: {sql}"), "shop.yaml")


def test_a_detector_of_a_metric_that_is_none_is_left_to_the_model() -> None:
    wrong = "  none: 5\ndetectors:\n  x: {kind: rise, metric: none, observed: a, by: 1}\n"
    with pytest.raises(SpecError, match="this must be a mapping"):
        parse_spec(GOOD.replace("detectors:\n", wrong), "shop.yaml")


def test_the_command_shows_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    home.stream("shop").spec.parent.mkdir(parents=True)
    home.stream("shop").spec.write_text(GOOD)
    player = Player(home.tables("shop"), parse_spec(GOOD, "shop.yaml"))
    player.play(*[log_line(1 + number / 10) for number in range(4)])
    player.play(log_line(52))
    player.play(log_line(53))
    monkeypatch.setenv("TIDELINE_HOME", str(tmp_path))
    told = json.loads(CliRunner().invoke(app, ["anomalies", "shop", "--json"]).stdout)
    assert [(row["kind"], row["window_start"], row["observed"]) for row in told["anomalies"]] == [
        ("many", "1970-01-01T00:00:00Z", 4.0)
    ]
    assert set(told["detectors"]) == {"spike", "odd", "many"}
    assert "many" in CliRunner().invoke(app, ["anomalies", "shop"]).stdout
    wrong = CliRunner().invoke(app, ["anomalies", "shop", "--kind", "mny"])
    assert "did you mean 'many'?" in wrong.exception.fix  # type: ignore[union-attr]
