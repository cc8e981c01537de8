"""`tideline env`: what docker-compose.yaml needs to know of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tideline.cli.console import out
from tideline.home import CHECKOUT


def register(app: typer.Typer) -> None:
    app.command()(env)


def env(
    file: Annotated[Path, typer.Option(help="The file that compose reads.")] = CHECKOUT / ".env",
    ports: Annotated[bool, typer.Option("--ports", help="Also say who holds a port that compose binds.")] = False,
    ours: Annotated[str, typer.Option(help="Ports that compose's own containers hold, with blanks between.")] = "",
) -> None:
    """Make the `.env` of docker-compose.yaml: passwords made once, ports to choose; exit 2 where a port is taken.

    What stands there already stays as it is. Only its owner may read it.
    """
    from tideline.platform.env_file import EnvFile, ensure_env_file, require_free_ports

    added = ensure_env_file(file)
    out.print(f"{file}: {', '.join(added) + ' added' if added else 'nothing was missing'}", markup=False)
    if ports:
        require_free_ports(EnvFile.read(file), ours={int(port) for port in ours.split() if port.isdecimal()})
