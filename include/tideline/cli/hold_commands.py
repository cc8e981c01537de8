"""`tideline holds NAME list | release`: corrections that the gate held back, and letting them through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import account, deployed
from tideline.home import Home

if TYPE_CHECKING:
    from tideline.holds import Hold

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

holds = typer.Typer(no_args_is_help=True, help="Corrections of a stream that the gate held back.")


def register(app: typer.Typer) -> None:
    app.add_typer(holds, name="holds")


@holds.callback()
def _of_stream(context: typer.Context, name: Annotated[str, typer.Argument(help="The stream's name.")]) -> None:
    context.obj = name


@holds.command("list")
def show_holds(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those that were released as well.")] = False,
    as_json: Json = False,
) -> None:
    """Show what waits for a person, and why: exit 1 when something does.

    JSON: stream, holds [{hold, since, batches, corrections, events, failures, page (a file), released {by, at}}].
    """
    from tideline.holds import waiting
    from tideline.tables.holds import read_holds
    from tideline.tables.schemas import StreamTables

    home = Home.from_env()
    deployed(home, context.obj)
    found = read_holds(StreamTables(home.tables(context.obj)))
    shown = list(found) if every else waiting(found)
    if as_json:
        pages = [{**hold.as_dict(), "page": _page(home, context.obj, hold)} for hold in shown]
        print_json({"stream": context.obj, "holds": pages})
    elif not shown:
        out.print(f"{context.obj}: nothing is held back")
    else:
        _show(home, context.obj, shown)
    raise typer.Exit(1 if waiting(found) else 0)


def _show(home: Home, stream: str, shown: list[Hold]) -> None:
    from tideline.times import iso_ms

    rows = [
        (hold.number, iso_ms(hold.at_ms), len(hold.versions), hold.corrections, hold.events, _released(hold))
        for hold in shown
    ]
    print_table(out, ("hold", "since", "batches", "corrections", "events", "released"), rows)
    for hold in shown:
        for failure in hold.failures:
            out.print(f"hold {hold.number}: {failure}", markup=False)
        if hold.page:
            out.print(f"hold {hold.number}: {_page(home, stream, hold)}", markup=False)
    if any(hold.release is None for hold in shown):
        out.print(f"to publish one: tideline holds {stream} release HOLD")


@holds.command()
def release(
    context: typer.Context,
    hold: Annotated[int, typer.Argument(min=1, help="The hold's number.")],
    who: Annotated[str | None, typer.Option(help="Who releases it; by default the account.")] = None,
    as_json: Json = False,
) -> None:
    """Publish what a hold holds back, whatever the gate found; the name is kept.

    JSON: stream, hold, released_by, corrections, rows_published.
    """
    from tideline.release import release_hold

    home = Home.from_env()
    deployed(home, context.obj)
    done = release_hold(home, context.obj, hold, who or account())
    if as_json:
        print_json(done.as_dict())
    else:
        changed = f"{done.corrections} corrections written, {done.rows_published} rows published again"
        out.print(f"{done.stream}: hold {done.hold} is released by {done.released_by}: {changed}", markup=False)


def _released(hold: Hold) -> str:
    return "-" if hold.release is None else f"by {hold.release.by}"


def _page(home: Home, stream: str, hold: Hold) -> str | None:
    from tideline.gate.suites import DOCS

    return None if hold.page is None else str(home.stream(stream).validations / DOCS / hold.page)
