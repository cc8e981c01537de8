"""`tideline reconcile`: what the watermark dropped, found and put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tideline.cli.console import out, print_json, progress
from tideline.cli.names import deployed, parse_optional_time
from tideline.errors import UserError
from tideline.home import Home
from tideline.settings import Settings

if TYPE_CHECKING:
    from tideline.reconcile_plan import Interval


def register(app: typer.Typer) -> None:
    app.command()(reconcile)


def reconcile(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    since: Annotated[str | None, typer.Option("--from", help="Batches recorded from then on; RFC 3339 or UTC.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Batches recorded before this time.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, read and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find what the watermark dropped, by Kafka offset, and correct the windows it belongs to.

    JSON: stream, batches, late_events, records_read, corrections, rows_published, unrecoverable (windows that a batch
    never corrects, by pane: Kafka no longer has their events, or the window had expired), held (corrections that the
    gate did not let through); of a dry run: stream, batches, windows, late_events, records.

    Exit 1 when the gate held corrections back: `tideline holds NAME list` says why.
    """
    from tideline.reconcile import reconcile_stream
    from tideline.reconcile_plan import Interval

    home = Home.from_env()
    deployed(home, name)
    interval = Interval(parse_optional_time(since, "--from"), parse_optional_time(until, "--to"))
    if interval.since and interval.until and interval.since >= interval.until:
        raise UserError(f"from {since} to {until} there is no time", "give --from a time before --to")
    if dry_run:
        found = _preview(home, name, interval)
    else:
        found = reconcile_stream(home, Settings.load(home).kafka, name, interval, progress).as_dict()
    if as_json:
        print_json(found)
    else:
        out.print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in found.items()), markup=False)
    if found.get("held"):
        progress(f"nothing was published: `tideline holds {name} list` says why, a person may release it")
    raise typer.Exit(1 if found.get("held") else 0)


def _preview(home: Home, name: str, interval: Interval) -> dict[str, Any]:
    from tideline.plan_view import preview_reconcile
    from tideline.reconcile import plan_stream
    from tideline.stream_books import deployed_spec
    from tideline.tables.books import read_eras, read_ledger
    from tideline.tables.schemas import StreamTables

    tables = StreamTables(home.tables(name))
    plan = plan_stream(home, name, interval)
    eras = read_eras(tables, deployed_spec(home, name))
    return {"stream": name, **preview_reconcile(eras, read_ledger(tables, late_only=True), plan).as_dict()}
