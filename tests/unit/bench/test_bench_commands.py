"""The command line of the bench: what it refuses before anything is started, and what its help says of the JSON."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tideline.bench.batch_cost import BatchCost
from tideline.bench.engine_speed import EngineSpeed
from tideline.bench.exactness import ExactnessReport
from tideline.bench.fleet import FleetCost
from tideline.bench.hostile import HostileCost
from tideline.bench.reconcile_cost import ReconcileCost
from tideline.bench.recovery import Recovery
from tideline.cli import bench_commands
from tideline.cli.bench_commands import register

app = typer.Typer()
register(app)


def test_one_seed_and_a_number_of_seeds_are_refused_together() -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["bench", "exactness", "--seeds", "2", "--seed", "7"])
    assert (done.exit_code, "give one of the two" in done.output) == (2, True)


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
