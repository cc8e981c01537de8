"""`tideline bench`: what was promised, measured with real parts."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from tideline.cli.console import out, print_json, progress
from tideline.home import Home

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

bench = typer.Typer(help="The benchmark suite: real parts, figures out.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(bench, name="bench")


@bench.command()
def exactness(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to play, from 0.")] = 20,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Play this one alone: the same stream, records and acts at the same places; what Spark does between "
            "two of them is not the same to the bit.",
        ),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A new folder, in which the streams and tables of failed seeds are kept.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Random disorder, restarts, kill -9 and reconciliations on a real Kafka and Spark: nothing may differ."""
    from tideline.bench.exactness import run_exactness

    if keep is not None and keep.exists():
        raise typer.BadParameter(f"{keep} is there already", param_hint="--keep")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or broker and drivers would outlive the bench
    chosen = range(seeds) if seed is None else [seed]
    report = run_exactness(chosen, Home.from_env().root / "jars", keep, progress)
    if as_json:
        print_json(report.as_dict())
    else:
        out.print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in report.as_dict().items()))
        for failed in report.failures:
            out.print(f"replay it with `tideline bench exactness --seed {failed} --keep FOLDER`")
    raise typer.Exit(0 if report.holds else 1)
