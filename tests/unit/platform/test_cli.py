"""The command line starts fast, and tells errors in two lines."""

from __future__ import annotations

import subprocess
import sys

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


def test_an_error_is_two_lines_on_standard_error() -> None:
    code = "from tideline.cli.console import *; print_error(UserError('what [is] wrong', 'do this'))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("", "error: what [is] wrong\n  fix: do this\n")
