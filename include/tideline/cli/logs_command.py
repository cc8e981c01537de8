"""`tideline logs`: what drivers, tasks and the keeper logged of a stream, in the order of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import err, out, print_json
from tideline.cli.names import require_deployed
from tideline.clock import now_ms
from tideline.errors import UserError
from tideline.home import Home
from tideline.settings import Settings

if TYPE_CHECKING:
    from tideline.logs.entry import Entry
    from tideline.logs.search import Wanted
    from tideline.registry.rows import TransitionRow

NEWEST = 200
LOOK_S = 1.0
_TRANSITIONS = 1_000
_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def register(app: typer.Typer) -> None:
    app.command()(logs)


def logs(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    batch: Annotated[str | None, typer.Option(metavar="G/N", help="Only of batch N of generation G.")] = None,
    epoch: Annotated[int | None, typer.Option(min=1, help="Only of the driver of this epoch.")] = None,
    level: Annotated[str | None, typer.Option(help="Only so bad or worse: debug to critical.")] = None,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=1, help="So many, the newest; 200, of a batch or epoch all.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show what was logged of a stream: by its drivers, by Airflow's tasks, and its transitions, in the order of time.

    With --batch it is one batch's way: the driver's commit, its publication, what was late of it, its corrections and
    their publication. Control characters and terminal escapes are shown as their codes.

    JSON: ts, level (null where a line was no JSON), logger, message, stream, generation, epoch, batch, exception
    {class, trace} where there is one, source (driver, registry, or DAG.task).
    """
    from tideline.logs.follow import Follower
    from tideline.logs.of_stream import find, task_folder
    from tideline.logs.search import Wanted, parse_batch, parse_level

    home = Home.from_env()
    require_deployed(home, name)
    generation, number = (None, None) if batch is None else parse_batch(batch)
    wanted = Wanted(name, generation, number, epoch, None if level is None else parse_level(level))
    transitions = _transitions_of(home, name)
    follower = Follower(home.stream(name).log, task_folder(home), transitions, now_ms()) if follow else None
    most = lines or (NEWEST if batch is None and epoch is None else None)
    found = find(home, transitions(_TRANSITIONS), wanted, most)
    tell = _tell_json if as_json else _tell
    tell(found)
    if follower is not None:
        _follow(follower.look, wanted, found, tell)


def _follow(
    look: Callable[[int], list[Entry]], wanted: Wanted, found: Sequence[Entry], tell: Callable[[Iterable[Entry]], None]
) -> None:
    """Until the user ends it; what was `found` already is not told again."""
    known = set(found)
    try:
        while True:
            tell(entry for entry in look(now_ms()) if wanted.matches(entry) and entry not in known)
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        return


def _transitions_of(home: Home, name: str) -> Callable[[int], list[TransitionRow]]:
    """The newest, newest first; none, and that is said once, while the database cannot be asked."""
    from tideline.keeper.report import recent_transitions

    settings, told = Settings.load(home), list[UserError]()

    def transitions(most: int) -> list[TransitionRow]:
        try:
            return recent_transitions(settings, name, most)
        except UserError as error:
            if not told:
                err.print(f"without transitions: {error.message}")
            told.append(error)
            return []

    return transitions


def _tell(entries: Iterable[Entry]) -> None:
    from tideline.logs.shown import shown_lines

    for entry in entries:
        for line in shown_lines(entry):
            out.print(line, style=_COLOURS.get(entry.level))


def _tell_json(entries: Iterable[Entry]) -> None:
    for entry in entries:
        print_json(entry.as_dict())
