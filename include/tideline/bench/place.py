"""A place of a bench's own: a home in a folder, free ports, and nothing of it left running."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from tideline.home import Home
from tideline.platform.database import folder as database_folder
from tideline.platform.down import down
from tideline.platform.up import up
from tideline.settings import HOST, Ports, Settings, keep_ports

Environment = dict[str, str]


def clean_environment() -> Environment:
    """What a person has set for a platform of their own must not reach ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TIDELINE_")}


@contextmanager
def new_place(folder: Path, jars: Path) -> Iterator[Home]:
    """A home with free ports and an installation's jars, nothing up yet; what is started in it ends with the block."""
    home = Home(folder.resolve())
    home.root.mkdir(parents=True, exist_ok=True)
    jars.mkdir(parents=True, exist_ok=True)
    (home.root / "jars").symlink_to(jars)
    keep_ports(home, free_ports())
    try:
        yield home
    finally:
        down(home)
        shutil.rmtree(database_folder(home), ignore_errors=True)


def start_broker(home: Home) -> Settings:
    """A broker of the place's own, by the platform's own service."""
    return up(home, ("broker",), environ=clean_environment())


def free_ports() -> Ports:
    """Ports nobody listens on now; all are held until the last is known, so that they differ."""
    with ExitStack() as held:
        names = list(asdict(Ports()))
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind((HOST, 0))
        return Ports(**{name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)})
