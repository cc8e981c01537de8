"""`tideline backfill`: a range of event time computed again from Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, progress
from tideline.cli.names import deployed, parse_time
from tideline.errors import UserError
from tideline.home import Home
from tideline.settings import Settings
from tideline.times import iso

if TYPE_CHECKING:
    from datetime import datetime

    from tideline.backfill import BackfillResult
    from tideline.plan_view import BackfillPreview
    from tideline.spec.model import StreamSpec


def register(app: typer.Typer) -> None:
    app.command()(backfill)


def backfill(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    since: Annotated[str, typer.Option("--from", help="First window start, RFC 3339; without a zone it is UTC.")],
    until: Annotated[str, typer.Option("--to", help="Window starts before this time.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, read and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compute the closed windows of a range of event time again from Kafka, whatever the tables hold of them now.

    JSON: stream, windows, open_windows, records_read, groups, rows_changed, gone_windows [{metric, window_end}]; of a
    dry run: stream, windows, open_windows, records, gone {partition: [[start, end)]}, gaps [{generation, first, last}].
    Windows of which Kafka no longer has every event are left as they are. Exits 1 when there are any.
    """
    home = Home.from_env()
    spec = deployed(home, name)
    between = parse_time(since, "--from"), parse_time(until, "--to")
    if between[0] >= between[1]:
        raise UserError(
            f"the range from {iso(between[0])} to {iso(between[1])} is empty", "give --from a time before --to"
        )
    if dry_run:
        _preview(home, spec, between, as_json)
        return
    from tideline.backfill import backfill_stream

    found = backfill_stream(home, Settings.load(home).kafka, name, *between, progress=progress)
    if as_json:
        print_json(found.as_dict())
    else:
        _say(found)
    raise typer.Exit(1 if found.gone_windows else 0)


def _say(found: BackfillResult) -> None:
    said = found.as_dict()
    gone = said.pop("gone_windows")
    out.print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in said.items()))
    for window in gone:
        place = f"{window['metric']}, window end {window['window_end']}"
        out.print(f"left as it is, Kafka no longer has all of its events: {place}", style="red")


def _preview(home: Home, spec: StreamSpec, between: tuple[datetime, datetime], as_json: bool) -> None:
    from tideline.backfill_preview import look_at_backfill

    found = look_at_backfill(home, Settings.load(home).kafka, spec, between, progress)
    if as_json:
        print_json({"stream": spec.name, **found.as_dict()})
    else:
        _show(spec.source.topic, found)
    raise typer.Exit(1 if found.gone else 0)


def _show(topic: str, found: BackfillPreview) -> None:
    out.print(f"{found.windows} windows to compute again from at most {found.records} records")
    if found.open_windows:
        out.print(f"{found.open_windows} windows are open: the stream itself completes them")
    for partition, spans in found.gone.items():
        offsets = ", ".join(f"{start} to {end - 1}" for start, end in spans)
        out.print(f"topic {topic} no longer holds partition {partition}, offsets {offsets}", style="red")
    for gap in found.gaps:
        out.print(f"generation {gap.generation}, batches {gap.first} to {gap.last}: the ledger has no row of them yet")
