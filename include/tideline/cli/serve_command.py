"""`tideline serve`: a file's lines on a TCP socket, for streams that read one."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path
from typing import Annotated

import typer

from tideline.cli.console import err


def register(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    file: Annotated[Path, typer.Argument(help="A file of text.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 9999,
    rate: Annotated[float | None, typer.Option(min=0.001, max=1e6, help="Lines a second; by default at once.")] = None,
    repeated: Annotated[bool, typer.Option("--repeat", help="Begin anew after the last line, for ever.")] = False,
) -> None:
    """Serve a file's lines on 127.0.0.1, to each client from the first one, until it is ended with Ctrl-C.

    The word counts of the project read them: `tideline deploy word-count`.
    """
    from tideline.produce.line_server import LineServer
    from tideline.produce.lines import FileSource
    from tideline.produce.pace import evenly, paced
    from tideline.settings import HOST

    source = FileSource(file)
    source.require()

    def lines() -> Iterable[bytes]:
        items = chain.from_iterable(repeat(source)) if repeated else source
        return items if rate is None else paced(items, evenly(rate))

    with LineServer(lines, HOST, port, lambda said: err.print(said, markup=False)) as server:
        err.print(f"{file} at {HOST}:{server.port}; Ctrl-C ends it", markup=False)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return
