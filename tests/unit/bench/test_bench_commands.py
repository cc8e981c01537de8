"""The command line of the bench: what it refuses before anything is started."""

from __future__ import annotations

import typer
from typer.testing import CliRunner

from tideline.cli.bench_commands import register

app = typer.Typer()
register(app)


def test_one_seed_and_a_number_of_seeds_are_refused_together() -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["bench", "exactness", "--seeds", "2", "--seed", "7"])
    assert (done.exit_code, "give one of the two" in done.output) == (2, True)
