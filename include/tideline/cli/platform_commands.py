"""`tideline up`, `down` and `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, progress
from tideline.errors import UserError
from tideline.home import Home

if TYPE_CHECKING:
    from tideline.settings import Settings


def up(
    only: Annotated[str, typer.Option(help="Only these services, by name, with commas between.")] = "",
) -> None:
    """Start the local platform: database, broker, Airflow, the exporter for Prometheus. What is up stays as it is."""
    from tideline.platform.keys import password_file
    from tideline.platform.up import up as start

    home = Home.from_env()
    names = [name for name in only.split(",") if name]
    settings = start(home, names, progress)
    if not names or "api_server" in names:
        access = f"user admin, password in {password_file(home)}"
        out.print(f"Airflow: {settings.api_url} ({access})", markup=False)


def down() -> None:
    """End the platform and every driver. Streams, tables and the log stay on disk."""
    from tideline.platform.down import down as end

    end(Home.from_env(), progress)


def status(as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False) -> None:
    """Show what runs: the services, and the streams; exit 2 while the database cannot tell which there are.

    JSON: services {name: healthy, starting, failed or stopped}, streams [{name, desired, state, reason, epoch,
    generation, batch, backlog, watermark}], null while the database cannot tell.
    """
    from tideline.cli.status_view import print_status
    from tideline.platform.status import service_states
    from tideline.settings import Settings

    home = Home.from_env()
    settings = Settings.load(home)
    services = service_states(home, settings)
    streams = _streams(home, settings) if services["database"] == "healthy" else None
    if as_json:
        print_json({"services": services, "streams": streams})
    else:
        print_status(services, streams or [])
    if streams is None:
        raise UserError(f"which streams there are is not known: the database is {services['database']}", "tideline up")


def _streams(home: Home, settings: Settings) -> list[dict[str, object]]:
    from tideline.keeper.report import stream_rows

    return stream_rows(home, settings)


def register(app: typer.Typer) -> None:
    for command in (up, down, status):
        app.command()(command)
