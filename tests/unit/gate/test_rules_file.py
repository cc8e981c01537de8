"""A file of expectations is checked against the stream's tables and Great Expectations, with the place of faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.records import log_metrics, small_spec
from tideline.cli.main import app
from tideline.errors import UserError
from tideline.gate.rules import Rule
from tideline.gate.rules_file import StreamRules, load_rules, parse_rules
from tideline.spec.problems import SpecError

BETWEEN = "expect_column_values_to_be_between"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: the file is empty"),
        ("- a", "1:1: this holds no `corrections:` and no `tables:`"),
        ("corections: []", "1:1: 'corections' is not known here"),
        ("tables: []", "1:9: tables are named by their metric"),
        ("tables: {count: []}", "1:10: stream 'small' has no metric 'count'"),
        ("tables: {counts: {}}", "1:18: expectations are a list"),
        ("tables: {counts: [one]}", "1:19: this is not one expectation with its arguments"),
        ("corrections: [{expect_it: {}}]", "1:16: there is no expectation 'expect_it'"),
        (f"corrections: [{{{BETWEEN}: {{column: evnts, min_value: 0}}}}]", "there is no column 'evnts'"),
        (f"corrections: [{{{BETWEEN}: {{column: events, min: 0}}}}]", f"'{BETWEEN}' cannot be called like this"),
        ("tables: {}\ntables: {}", "2:1: key 'tables' stands twice"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_rules(text, "small.yaml", small_spec())
    assert told in refused.value.message


def test_the_nearest_right_word_is_told() -> None:
    with pytest.raises(SpecError, match="did you mean 'request_count'"):
        parse_rules(f"tables: {{counts: [{{{BETWEEN}: {{column: request_cont, min_value: 0}}}}]}}", "f", small_spec())


def test_rules_are_those_of_the_file() -> None:
    text = f"corrections:\n  - {BETWEEN}: {{column: events, max_value: 9}}\ntables: {{counts: []}}"
    assert parse_rules(text, "f", small_spec()) == StreamRules(
        (Rule(BETWEEN, {"column": "events", "max_value": 9}),), {"counts": ()}
    )


def test_a_stream_without_a_file_has_none(tmp_path: Path) -> None:
    assert load_rules(small_spec(), tmp_path) == StreamRules()


@pytest.mark.parametrize(
    ("content", "said"), [(b"corrections: # \xff", "not UTF-8 at byte 15"), (None, "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_told(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / f"{small_spec().name}.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{tmp_path.name}/{path.name} .*{said}"):
        load_rules(small_spec(), tmp_path)


def test_the_projects_own_expectations_can_be_used() -> None:
    assert set(load_rules(log_metrics()).tables) == {"error_rate", "system_health", "sla", "response_time"}


def test_validate_checks_them_with_the_spec(tmp_path: Path) -> None:
    for folder in ("streams", "expectations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "streams" / "small.yaml").write_text(small_spec().model_dump_json(exclude_none=True))
    (tmp_path / "expectations" / "small.yaml").write_text("tables: {counts: [{expect_it: {}}]}")
    done = CliRunner().invoke(app, ["validate", "small"], env={"TIDELINE_STREAMS": str(tmp_path / "streams")})
    assert done.exit_code == 1
    assert "expectations/small.yaml:1:20: there is no expectation 'expect_it'" in done.output
