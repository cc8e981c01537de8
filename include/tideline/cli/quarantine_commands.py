"""`tideline quarantine NAME add | list | remove`: records that count as rejects whatever they hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import account, deployed
from tideline.cli.windows_view import needs_as_dict, needs_as_text
from tideline.home import Home
from tideline.settings import Settings

if TYPE_CHECKING:
    from tideline.quarantine_acts import Effect

Partition = Annotated[int, typer.Argument(min=0)]
Offset = Annotated[int, typer.Argument(min=0)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

quarantine = typer.Typer(no_args_is_help=True, help="Records of a stream that count as rejects whatever they hold.")


def register(app: typer.Typer) -> None:
    app.add_typer(quarantine, name="quarantine")


@quarantine.callback()
def _of_stream(context: typer.Context, name: Annotated[str, typer.Argument(help="The stream's name.")]) -> None:
    context.obj = name


@quarantine.command()
def add(
    context: typer.Context,
    partition: Partition,
    offset: Offset,
    why: Annotated[str, typer.Option(help="What is wrong with the record.")],
    who: Annotated[str | None, typer.Option(help="Who lists it; by default the account.")] = None,
    as_json: Json = False,
) -> None:
    """Put a record on the list: a driver that starts from now on never parses it.

    JSON: stream, read_by (a batch, null: none), windows [{metric, window_end}], open_windows (likewise), from, to.
    """
    from tideline.quarantine import Entry
    from tideline.quarantine_acts import put_on_list

    home = Home.from_env()
    entry = Entry(partition, offset, why, who or account(), _now())
    effect = put_on_list(home, Settings.load(home).kafka, context.obj, entry)
    _tell(context.obj, f"partition {partition}, offset {offset} is on the list", effect, as_json)


@quarantine.command()
def remove(context: typer.Context, partition: Partition, offset: Offset, as_json: Json = False) -> None:
    """Take a record off the list: it counts again for what it holds.

    JSON: as of `add`.
    """
    from tideline.quarantine_acts import take_off_list

    home = Home.from_env()
    effect = take_off_list(home, Settings.load(home).kafka, context.obj, partition, offset)
    _tell(context.obj, f"partition {partition}, offset {offset} is off the list", effect, as_json)


@quarantine.command("list")
def show_list(context: typer.Context, as_json: Json = False) -> None:
    """Show the list, and what became of each record: unread, rejected, or counted before it was listed.

    JSON: stream, records [{partition, offset, why, who, at, state}].
    """
    from tideline.quarantine_acts import listed
    from tideline.shown_bytes import shown

    home = Home.from_env()
    deployed(home, context.obj)
    found = listed(home, context.obj)
    if as_json:
        print_json({"stream": context.obj, "records": [{**asdict(f.entry), "state": f.state} for f in found]})
    elif not found:
        out.print(f"{context.obj}: nothing is in quarantine")
    else:
        rows = [
            (
                f.entry.partition,
                f.entry.offset,
                f.state,
                f.entry.at,
                *(shown(t.encode()) for t in (f.entry.who, f.entry.why)),
            )
            for f in found
        ]
        print_table(out, ("partition", "offset", "state", "since", "who", "why"), rows)


def _tell(name: str, done: str, effect: Effect, as_json: bool) -> None:
    from tideline.versions import batch_of, generation_of

    version = effect.read_by
    batch = None if version is None else f"{generation_of(version)}/{batch_of(version)}"
    if as_json:
        print_json({"stream": name, "read_by": batch, **needs_as_dict(effect.needs)})
        return
    out.print(f"{name}: {done}")
    out.print(
        "no batch has read the record yet; a driver takes the list when it starts, so a running one must"
        f" be started again: tideline deploy {name}"
        if batch is None
        else f"batch {batch} has read the record by another list"
    )
    for line in needs_as_text(name, effect.needs):
        out.print(line)


def _now() -> str:
    from tideline.clock import now_ms
    from tideline.times import iso_ms

    return iso_ms(now_ms() // 1000 * 1000)
