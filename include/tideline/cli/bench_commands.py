"""`tideline bench`: what is promised, measured on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from tideline.cli.console import out, print_json, progress

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

bench = typer.Typer(help="Measure what is promised, each against another in the same run.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(bench, name="bench")


@bench.command()
def batch(as_json: Json = False) -> None:
    """A batch's cost at the tables with 30 days of windows in them, against an hour's."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from tideline.bench.batch_cost import measure_batch_cost
    from tideline.spec.load import find_spec, load_spec

    with TemporaryDirectory(prefix="tideline-bench-") as folder:
        cost = measure_batch_cost(Path(folder), load_spec(find_spec("log-metrics")), progress=progress)
    if as_json:
        print_json(cost.as_dict())
    else:
        out.print(f"an hour's: {cost.hour_ms} ms a batch, 30 days': {cost.month_ms} ms, ratio {cost.ratio}")
