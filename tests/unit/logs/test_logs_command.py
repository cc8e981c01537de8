from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tideline.cli.main import app
from tideline.errors import UserError
from tideline.home import Home

STREAM = "orders"
FORGED = "<b>\x1b[2J\nforged"


def line(number: int, message: str, **fields: object) -> str:
    said = {"ts": f"2026-01-31T10:{number // 60 % 60:02}:{number % 60:02}.000Z", "level": "INFO", "logger": "tideline"}
    return json.dumps(said | {"message": message, "stream": STREAM, "generation": 1, "epoch": 2} | fields) + "\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    stream = home.stream(STREAM)
    stream.root.mkdir(parents=True)
    stream.spec.write_text("name: orders\n")
    stream.log.write_text(line(1, "batch 5 is committed", batch=5) + line(2, FORGED, level="ERROR") + "raw \x1b[31m\n")
    return home


def run(home: Home, *arguments: str) -> str:
    environment = {"TIDELINE_HOME": str(home.root), "TIDELINE_DATABASE_PORT": "9"}
    done = CliRunner(env=environment).invoke(app, ["logs", STREAM, *arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "without transitions: no database answers" in done.stderr
    return done.stdout


def test_a_log_is_shown_as_text_that_obeys_nobody(home: Home) -> None:
    assert run(home).splitlines() == [
        "2026-01-31T10:00:01.000Z INFO driver e2 g1/5 tideline: batch 5 is committed",
        "2026-01-31T10:00:02.000Z ERROR driver e2 g1 tideline: <b>\\x1b[2J",
        "    forged",
        "raw \\x1b[31m",
    ]


def test_filters_and_json(home: Home) -> None:
    (only,) = run(home, "--batch", "1/5", "--json").splitlines()
    assert json.loads(only)["message"] == "batch 5 is committed"
    (only,) = run(home, "--level", "warning", "--json").splitlines()
    assert json.loads(only)["message"] == FORGED


def test_a_stream_that_was_never_deployed_is_told(tmp_path: Path) -> None:
    done = CliRunner(env={"TIDELINE_HOME": str(tmp_path)}).invoke(app, ["logs", STREAM])
    assert isinstance(done.exception, UserError)


def test_the_end_of_a_long_log_is_told_at_once(home: Home) -> None:
    log = home.stream(STREAM).log
    text = "".join(line(number, f"batch {number} is committed " + "x" * 100, batch=number) for number in range(100))
    with log.open("w") as out:
        while out.tell() < 20 << 20:
            out.write(text)
    began = time.process_time()
    assert len(run(home, "--lines", "50").splitlines()) == 50
    assert time.process_time() - began < 2
