"""A table whose files are damaged or gone: the command line names it, exits 2 and shows no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cli.damage import damage_of
from tideline.cli.names import deployed
from tideline.errors import UserError
from tideline.home import Home


def remove_files(table: Path) -> None:
    for file in table.glob("**/*.parquet"):
        file.unlink()


def spoil_files(table: Path) -> None:
    for file in table.glob("**/*.parquet"):
        file.write_text("junk")


def spoil_log(table: Path) -> None:
    for file in (table / "_delta_log").glob("*.json"):
        file.write_text("junk")


@pytest.mark.parametrize("damage", [remove_files, spoil_files, spoil_log])
@pytest.mark.parametrize(("table", "command"), [("parts", "ledger small"), ("counts", "explain small counts 0 a")])
def test_a_damaged_table_is_named(tmp_path: Path, damage: Callable[[Path], None], table: str, command: str) -> None:
    home = Home(tmp_path)
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(small_spec().model_dump_json(exclude_none=True))
    Player(home.tables("small"), small_spec()).play(log_line(5), log_line(15))
    damage(home.tables("small") / table)
    done = subprocess.run(
        [sys.executable, "-m", "tideline.cli.main", *command.split()],
        env={**os.environ, "TIDELINE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    message, fix = done.stderr.splitlines()
    assert message.startswith(f"error: the table {home.tables('small') / table} cannot be read: ")
    assert "from a copy" in fix


def test_any_other_fault_is_none_of_a_table(tmp_path: Path) -> None:
    assert damage_of(ValueError("no-such.parquet"), tmp_path) is None


def test_a_table_whose_log_is_gone_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(small_spec().model_dump_json(exclude_none=True))
    Player(home.tables("small"), small_spec()).play(log_line(5), log_line(15))
    deployed(home, "small")
    shutil.rmtree(home.tables("small") / "parts" / "_delta_log")
    with pytest.raises(UserError, match="parts has files and no log"):
        deployed(home, "small")
