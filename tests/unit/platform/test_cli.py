"""The command line starts fast, and tells errors in two lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    *("airflow", "pyspark", "pandas", "pyarrow", "duckdb", "deltalake", "kafka", "psycopg", "great_expectations"),
    *("httpx", "pydantic", "sqlalchemy"),
)


def test_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, tideline.cli.main; print([name for name in {HEAVY} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_wrong_use_is_2() -> None:
    command = [sys.executable, "-m", "tideline.cli.main", "up", "--no-such-option"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def end(*arguments: str, home: Path, streams: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TIDELINE_HOME": str(home), "TIDELINE_STREAMS": str(streams)}
    command = [sys.executable, "-m", "tideline.cli.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("validate good", 0),
        ("validate bad", 1),
        ("validate bad absent", 2),
        ("deploy bad", 1),
        ("deploy absent", 2),
        ("verify absent", 2),
        ("reconcile good", 2),
    ],
)
def test_no_is_1_and_no_answer_is_2(tmp_path: Path, command: str, status: int) -> None:
    bundled = (Path(__file__).parents[3] / "include/streams/log-metrics.yaml").read_text()
    (tmp_path / "good.yaml").write_text(bundled.replace("name: log-metrics", "name: good"))
    (tmp_path / "bad.yaml").write_text("name: bad")
    done = end(*command.split(), home=tmp_path / "home", streams=tmp_path)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_the_program_is_no_answer() -> None:
    code = "import tideline.cli.main as m; m.app = lambda: 1 / 0; m.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "ZeroDivisionError: division by zero")


def test_an_error_is_two_lines_on_standard_error() -> None:
    code = "from tideline.cli.console import *; print_error(UserError('what [is] wrong', 'do this'))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("", "error: what [is] wrong\n  fix: do this\n")


def test_streams_that_cannot_be_asked_for_are_not_none(tmp_path: Path) -> None:
    done = end("status", "--json", home=tmp_path / "home", streams=tmp_path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["services"]["database"], found["streams"]) == (2, "stopped", None)
    assert "the database is stopped" in done.stderr
