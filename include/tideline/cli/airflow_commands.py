"""`tideline deploy` and `stop`: asks Airflow, waits, and shows how the stream gets on."""

from __future__ import annotations

from typing import Annotated

import typer

from tideline.cli.console import out, progress
from tideline.cli.names import require_deployed
from tideline.home import Home

Name = Annotated[str, typer.Argument(help="The stream's name.")]


def deploy(
    name: Name,
    new_generation: Annotated[
        bool,
        typer.Option(
            "--new-generation", help="Begin a new generation where the ledger ends, as when the checkpoint is lost."
        ),
    ] = False,
) -> None:
    """Deploy a stream by its spec through Airflow, and wait until it is STABLE; exit 1 when it is refused or fails."""
    from tideline.errors import Refused
    from tideline.spec.load import SpecError, find_spec, load_any_spec

    try:
        load_any_spec(find_spec(name))
    except SpecError as error:  # shows file, line and caret here
        raise Refused(error.message, error.fix) from None
    _run("deploy_stream", name, new_generation=new_generation)


def stop(name: Name) -> None:
    """Stop a stream through Airflow: its driver finishes the batch in flight and ends."""
    require_deployed(Home.from_env(), name)
    _run("stop_stream", name)


def _run(dag_id: str, name: str, **params: object) -> None:
    from tideline.airflow_runs import run_dag
    from tideline.settings import Settings

    home = Home.from_env()
    out.print(run_dag(home, Settings.load(home), dag_id, name, progress, **params), markup=False)


def register(app: typer.Typer) -> None:
    for command in (deploy, stop):
        app.command()(command)
