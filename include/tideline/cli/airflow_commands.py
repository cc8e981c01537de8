"""`tideline deploy`, `stop` and what else is asked of a stream through Airflow: waits, and shows how it gets on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, progress
from tideline.cli.names import require_deployed
from tideline.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from tideline.spec.job import Spec

Name = Annotated[str, typer.Argument(help="The stream's name.")]


def deploy(
    name: Name,
    new_generation: Annotated[
        bool,
        typer.Option(
            "--new-generation", help="Begin a new generation where the ledger ends, as when the checkpoint is lost."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the deploy would do, and why; exit 1 if it would be refused.")
    ] = False,
) -> None:
    """Deploy a stream by its spec through Airflow, and wait until it is STABLE; exit 1 when it is refused or fails.

    Where another spec was STABLE before, that one is put back when this one is not proved in time.
    """
    from tideline.errors import Refused
    from tideline.spec.load import SpecError, find_spec, load_any_spec

    try:
        spec = load_any_spec(find_spec(name))
    except SpecError as error:  # shows file, line and caret here
        raise Refused(error.message, error.fix) from None
    if dry_run:
        _look_ahead(spec, find_spec(name), new_generation)
    else:
        _run("deploy_stream", name, new_generation=new_generation)


def _look_ahead(spec: Spec, file: Path, new_generation: bool) -> None:
    from tideline.deploy import look_ahead
    from tideline.keeper.preflight import SAYS, Way
    from tideline.keeper.report import open_registry
    from tideline.settings import Settings

    home = Home.from_env()
    with open_registry(Settings.load(home)) as registry:
        ahead = look_ahead(home, registry, spec, file.read_text(), new_generation)
    out.print(f"{spec.name} {SAYS[ahead.way]}", markup=False)
    for reason in ahead.reasons:
        out.print(f"  {reason}", markup=False)
    if ahead.way is Way.REFUSED:
        raise typer.Exit(1)


def stop(name: Name) -> None:
    """Stop a stream through Airflow: its driver finishes the batch in flight and ends."""
    _run_for_deployed("stop_stream", name)


def suspend(name: Name) -> None:
    """Stop a stream through Airflow until it is resumed."""
    _run_for_deployed("suspend_stream", name)


def resume(name: Name) -> None:
    """Go on with a suspended stream through Airflow, and wait until it is STABLE; exit 1 when that fails."""
    _run_for_deployed("resume_stream", name)


def restart(name: Name) -> None:
    """Give a stream a new driver through Airflow, and wait until it is STABLE; exit 1 when that fails."""
    _run_for_deployed("restart_stream", name)


def rollback(name: Name) -> None:
    """Put back the spec before by which a stream was STABLE, through Airflow; exit 1 when that fails."""
    _run_for_deployed("rollback_stream", name)


def _run_for_deployed(dag_id: str, name: str) -> None:
    require_deployed(Home.from_env(), name)
    _run(dag_id, name)


def _run(dag_id: str, name: str, **params: object) -> None:
    from tideline.airflow_runs import run_dag
    from tideline.settings import Settings

    home = Home.from_env()
    out.print(run_dag(home, Settings.load(home), dag_id, name, progress, **params), markup=False)


def register(app: typer.Typer) -> None:
    for command in (deploy, stop, suspend, resume, restart, rollback):
        app.command()(command)
