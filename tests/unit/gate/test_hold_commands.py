from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cli.main import app
from tideline.gate.suites import Validation
from tideline.home import Home
from tideline.reconcile import reconcile_books
from tideline.stream_books import StreamBooks
from tideline.tables.published import read_published


def refuse(books: StreamBooks, corrections: pa.Table) -> Validation:
    return Validation(("counts: too [many]",), "validations/page.html")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployed stream of which one late event is held back."""
    home = Home(tmp_path)
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(small_spec().model_dump_json(exclude_none=True))
    player = Player(home.tables("small"), small_spec())
    player.play(log_line(5), log_line(41))
    player.play(log_line(42))
    player.play(log_line(6), log_line(43))
    reconcile_books(player.books, gate=refuse)
    return home


def run(home: Home, *words: str) -> Result:
    return CliRunner().invoke(app, ["holds", "small", *words], env={"TIDELINE_HOME": str(home.root), "COLUMNS": "200"})


def test_what_is_held_is_listed_with_the_reason_the_page_and_what_to_do(home: Home) -> None:
    result = run(home, "list")
    assert result.exit_code == 1
    assert "hold 1: counts: too [many]" in result.output
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
    rows = read_published(home.tables("small") / "counts")
    assert rows is not None
    assert [row["request_count"] for row in rows.to_pylist() if row["window_end"].timestamp() == 10] == [2]


def test_what_is_released_already_says_by_whom(home: Home) -> None:
    run(home, "release", "1", "--who", "ada")
    again = run(home, "release", "1")
    assert again.exit_code != 0
    assert "hold 1 of small was released by ada" in str(again.exception)
