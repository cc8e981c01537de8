from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from support.held import FAILURE, first_count, hold_one_event
from tideline.cli.main import app
from tideline.home import Home
from tideline.tables.schemas import StreamTables


@pytest.fixture
def home(tmp_path: Path) -> Home:
    hold_one_event(Home(tmp_path))
    return Home(tmp_path)


def run(home: Home, *words: str) -> Result:
    return CliRunner().invoke(app, ["holds", "small", *words], env={"TIDELINE_HOME": str(home.root), "COLUMNS": "200"})


def test_what_is_held_is_listed_with_the_reason_the_page_and_what_to_do(home: Home) -> None:
    result = run(home, "list")
    assert result.exit_code == 1
    assert f"hold 1: {FAILURE}" in result.output
    assert str(home.stream("small").validations) in result.output
    assert result.output.rstrip().endswith("to publish one: tideline holds small release HOLD")


def test_a_released_hold_is_published_and_waits_for_nobody(home: Home) -> None:
    done = run(home, "release", "1", "--who", "ada", "--json")
    assert json.loads(done.output) == {
        "stream": "small", "hold": 1, "released_by": "ada", "corrections": 1, "rows_published": 1,
    }  # fmt: skip
    listed = run(home, "list")
    assert (listed.exit_code, listed.output) == (0, "small: nothing is held back\n")
    (hold,) = json.loads(run(home, "list", "--all", "--json").output)["holds"]
    assert hold["released"]["by"] == "ada"
    assert first_count(StreamTables(home.tables("small"))) == 2


def test_what_is_released_already_says_by_whom(home: Home) -> None:
    run(home, "release", "1", "--who", "ada")
    again = run(home, "release", "1")
    assert again.exit_code != 0
    assert "hold 1 of small was released by ada" in str(again.exception)
