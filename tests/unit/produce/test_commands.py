"""The command line of specs and input: what it refuses, and with which exit code."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tideline.cli import serve_command, stream_commands
from tideline.errors import UserError
from tideline.home import CHECKOUT

app = typer.Typer()
stream_commands.register(app)
serve_command.register(app)
BUNDLED = str(CHECKOUT / "include" / "streams" / "log-metrics.yaml")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "--topic"),
        ("--topic t", "give --file, or --rate"),
        ("--topic t --rate 5", "one of --seconds and --count"),
        ("--topic t --rate 5 --count 1 --seconds 1", "one of --seconds and --count"),
        ("--topic t --rate 0 --count 1", "--rate"),
        (f"--topic t --file {BUNDLED} --count 3", "are for traffic"),
        (f"--topic t --file {BUNDLED} --late-every 0", "--late-every"),
        (f"--topic t --file {BUNDLED} --kind user-events", "are for traffic"),
        ("--topic t --rate 5 --count 1 --kind users", "write logs or user-events"),
        ("--topic t --rate 5 --count 1 --shape wild", "write steady or bursty"),
        ("--topic t --rate 5 --count 1 --late-by soon", "'soon' is not a duration"),
        ("--topic t --rate 5 --count 1 --late-every 3", "--late-every needs --file"),
        ("--topic t --rate 5 --count 1 --late-share 0.7 --malformed-share 0.7", "add up to more"),
        ("--topic t --rate 5 --count 1 --late-share 2", "--late-share"),
        ("--topic t --rate inf --count 1", "no finite number"),
        ("--topic t --rate 5 --seconds inf", "no finite number"),
    ],
)
def test_wrong_use_exits_2_with_the_reason(arguments: str, reason: str) -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["produce", *arguments.split()])
    assert done.exit_code == 2
    assert reason in done.output


@pytest.mark.parametrize("words", ["produce --topic t --file", "serve"])
@pytest.mark.parametrize(
    ("name", "said"),
    [("no-such-file", "no-such-file cannot be read: No such file"), (".", "is no file"), ("n" * 300, "name too long")],
)
def test_a_file_that_cannot_be_read_is_told_before_anything_is_made_for_it(words: str, name: str, said: str) -> None:
    done = CliRunner().invoke(app, [*words.split(), name])
    assert isinstance(done.exception, UserError)
    assert said in done.exception.message


def test_a_broker_that_is_not_there_is_named() -> None:
    address = f"127.0.0.1:{closed_port()}"
    done = CliRunner().invoke(app, ["produce", "--topic", "t", "--file", BUNDLED, "--bootstrap", address])
    assert isinstance(done.exception, UserError)
    assert (address in done.exception.message, "tideline up" in done.exception.fix) == (True, True)


def run(*arguments: str, streams: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tideline.cli.main", *arguments],
        env={**os.environ, "TIDELINE_STREAMS": str(streams), "COLUMNS": "200"},
        cwd=streams,
        capture_output=True,
        text=True,
        check=False,
    )


def test_validate_says_one_line_for_each_spec(tmp_path: Path) -> None:
    text = Path(BUNDLED).read_text()
    (tmp_path / "a.yaml").write_text(text.replace("name: log-metrics", "name: a"))
    (tmp_path / "b.yaml").write_text(text.replace("name: log-metrics", "name: b"))
    done = run("validate", streams=tmp_path)
    said = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert (done.returncode, said) == (0, ["a", "b", "kafka.yaml"])


def test_validate_shows_the_problem_and_exits_1(tmp_path: Path) -> None:
    text = Path(BUNDLED).read_text().replace("name: log-metrics", "name: a")
    (tmp_path / "a.yaml").write_text(text.replace("avg(response_time)", "avg(respons_time)", 1))
    done = run("validate", "a", streams=tmp_path)
    assert done.returncode == 1
    line = next(n for n, text in enumerate((tmp_path / "a.yaml").read_text().splitlines(), 1) if "respons_" in text)
    assert done.stderr.startswith(f"a.yaml:{line}:30: there is no column 'respons_time'\n")
    assert "did you mean 'response_time'?" in done.stderr


def test_validate_without_specs_is_wrong_use(tmp_path: Path) -> None:
    assert run("validate", streams=tmp_path).returncode == 2


@pytest.mark.parametrize("name", ["b.yml", "Big.yaml", "b.YAML", "two words.yaml"])
def test_validate_names_files_that_no_stream_is_made_of(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_text(Path(BUNDLED).read_text().replace("name: log-metrics", "name: a"))
    (tmp_path / name).touch()
    (tmp_path / "notes.txt").touch()
    done = run("validate", streams=tmp_path)
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "a")
    assert [line for line in done.stderr.splitlines() if "error" in line] == [f"error: {name} is no spec by its name"]
