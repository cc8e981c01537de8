"""A stream whose every log line is hostile: its tables are opened, and shown harmless, by the page and the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cli.console import print_error
from tideline.cli.main import app
from tideline.errors import UserError
from tideline.home import Home
from tideline.reconcile import reconcile_books
from tideline.spec.model import StreamSpec
from tideline_airflow.page_templates import Place, render
from tideline_airflow.part_pages import Part, explained, look_at

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\x1b]0;owned\x07\x9b2J\u202e"
SHOWN = "\\x1b[31m\\x1b]0;owned\\x07\\x9b2J\\u202e"
PLACE = Place("/tideline", 1_700_000_000_000)
FIELDS = {"level": HOSTILE, "message": HOSTILE, "ip_address": HOSTILE, "user_id": HOSTILE, "request_id": HOSTILE}
SETS = {
    "window": "10 seconds",
    "keys": ["service"],
    "measures": {"request_count": "count", "users": "set(user_id)"},
}
WINDOW = "1970-01-01T00:00:00Z"


def spec() -> StreamSpec:
    return small_spec(sets=SETS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two events of a window, one of them late and corrected, and a record that is no event."""
    home = Home(tmp_path_factory.mktemp("hostile"))
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(spec().model_dump_json(exclude_none=True))
    player = Player(home.tables("small"), spec())
    player.play(line(5), line(41))
    player.play(line(42), HOSTILE.encode())
    player.play(line(6), line(43))
    reconcile_books(player.books)
    return home


def line(seconds: float) -> bytes:
    return log_line(seconds, HOSTILE, **FIELDS)


def pages(home: Home) -> dict[str, str]:
    """What the page shows of the tables."""
    values: dict[str, Any] = {"stream": "small", "spec": spec(), "tag": "x"}
    found = {str(part): render(f"part_{part}.html", PLACE, **values, **look_at(part, home, spec())) for part in Part}
    key = json.dumps([HOSTILE])
    why = explained(home, spec(), "sets", WINDOW, key)
    asked = {"metric": "sets", "window": WINDOW, "key": key}
    found["why"] = render("explain.html", PLACE, title="Why", asked=asked, problem="", **values, **why)
    return found


@pytest.mark.parametrize("page", [*Part, "why"])
def test_a_page_of_hostile_tables_is_harmless(home: Home, page: str) -> None:
    html = pages(home)[page]
    assert "<script>" not in html
    assert "<img" not in html
    assert all(each.isprintable() or each == "\n" for each in html)


@pytest.mark.parametrize("page", [Part.REJECTS, Part.NUMBERS, "why"])
def test_what_was_sent_can_still_be_read(home: Home, page: str) -> None:
    html = pages(home)[page]
    assert SHOWN in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


COMMANDS = {
    "rejects": ("rejects", "small"),
    "anomalies": ("anomalies", "small"),
    "explain": ("explain", "small", "sets", WINDOW, json.dumps([HOSTILE])),
    "ledger": ("ledger", "small"),
    "lateness": ("lateness", "small"),
    "late-alerts": ("late-alerts", "small"),
    "no such key": ("explain", "small", "sets", WINDOW, HOSTILE),
    "no such reason": ("rejects", "small", "--reason", HOSTILE),
    "no such stream": ("rejects", HOSTILE),
}


@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_terminal_obeys_nothing_of_it(home: Home, capsys: pytest.CaptureFixture[str], command: str) -> None:
    said = printed_by(home, capsys, *COMMANDS[command])
    assert said
    assert all(each.isprintable() or each == "\n" for each in said), said


def test_a_trial_of_hostile_lines_is_harmless(home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"\n".join([line(5), line(6), HOSTILE.encode()]))
    said = printed_by(home, capsys, "try", str(home.stream("small").spec), str(file))
    assert SHOWN in said
    assert all(each.isprintable() or each == "\n" for each in said), said


def printed_by(home: Home, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says, its error included as `tideline` prints it."""
    done = CliRunner(env={"TIDELINE_HOME": str(home.root), "COLUMNS": "400"}).invoke(app, arguments)
    if isinstance(done.exception, UserError):
        print_error(done.exception)
    else:
        assert done.exit_code == 0, done.exception
    return done.output + capsys.readouterr().err
