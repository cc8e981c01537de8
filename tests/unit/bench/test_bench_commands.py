"""The command line of the bench: what it refuses before anything is started, and what its help says of the JSON."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tideline.bench.batch_cost import BatchCost
from tideline.bench.engine_speed import EngineSpeed
from tideline.bench.exactness import ExactnessReport, run_exactness
from tideline.bench.fleet import FleetCost
from tideline.bench.hostile import HostileCost
from tideline.bench.reconcile_cost import ReconcileCost
from tideline.bench.recovery import Recovery
from tideline.cli import bench_commands
from tideline.cli.bench_commands import register
from tideline.errors import UserError

app = typer.Typer()
register(app)


def test_one_seed_and_a_number_of_seeds_are_refused_together() -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["bench", "exactness", "--seeds", "2", "--seed", "7"])
    assert (done.exit_code, "give one of the two" in done.output) == (2, True)


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"notes\.txt/kept cannot be made: Not a directory"):
        run_exactness([0], tmp_path, tmp_path / "notes.txt" / "kept")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (bench_commands.exactness, ExactnessReport()),
        (bench_commands.batch, BatchCost(1, 1, 1)),
        (bench_commands.reconcile, ReconcileCost(1, 1, 1, 1, 1, 1, 1, 1, 1)),
        (bench_commands.engine, EngineSpeed(1, 1, 1, 1, 1, 1)),
        (bench_commands.recovery, Recovery(1, True, 1, 1, 1, 1, 0, 0, 0)),
        (bench_commands.hostile, HostileCost({"log": {"NUL": (1, 1)}})),
        (bench_commands.fleet, FleetCost(1, 1, 1, 0)),
    ],
)
def test_help_lists_the_keys_there_are(command: Callable[..., None], told: Any) -> None:
    text = (inspect.getdoc(command) or "").split("JSON: ", 1)[1]
    listed = re.sub(r"\{.*\}", "", text.split(".", 1)[0])
    assert set(re.findall(r"\w+", listed)) == set(told.as_dict())
