"""`tideline reconcile` and `tideline verify`: the tables made right, and proved to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import err, out, print_json, progress
from tideline.home import Home
from tideline.settings import Settings

if TYPE_CHECKING:
    from tideline.verify.report import VerifyReport

Stream = Annotated[str, typer.Argument(help="The stream's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command()(reconcile)
    app.command()(verify)


def reconcile(
    name: Stream,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, read and write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Find what the watermark dropped, by Kafka offset, and correct the windows it belongs to."""
    from tideline.reconcile import plan_stream, reconcile_stream

    home = Home.from_env()
    if dry_run:
        plan = plan_stream(home, name)
        found = {"batches": len(plan.versions), "late_events": plan.events, "records": plan.records}
    else:
        found = reconcile_stream(home, Settings.load(home).bootstrap_servers, name, progress=progress).as_dict()
    if as_json:
        print_json(found)
    else:
        out.print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in found.items()), markup=False)


def verify(name: Stream, as_json: Json = False) -> None:
    """Compare every table with a batch computation over the whole log; exit 1 on any difference."""
    from tideline.verify import verify_stream

    home = Home.from_env()
    with err.status("reading the log") as status:
        report = verify_stream(
            home,
            Settings.load(home).bootstrap_servers,
            name,
            lambda done, of: status.update(f"reading the log: {done} of {of} records"),
        )
    if as_json:
        print_json(report.as_dict())
    else:
        show_report(report)
    raise typer.Exit(0 if report.holds else 1)


def show_report(report: VerifyReport) -> None:
    """The verdict as a table, and each difference with both values."""
    from rich.table import Table

    table = Table("metric", "windows", "rows", "differences", "pending", box=None)
    for name, metric in report.metrics.items():
        table.add_row(name, *map(str, (metric.windows, metric.rows, metric.differences, metric.pending)))
    out.print(table)
    for d in (d for metric in report.metrics.values() for d in metric.shown):
        values = f"expected {d.expected}, found {d.found}"
        out.print(f"{d.metric} {d.window_start} {d.key} {d.column}: {values}", markup=False, style="red")
    books = report.books
    out.print(
        f"events {report.log.events} = counted {books.counted} + rejected {report.log.rejected} + late {books.late}"
        f" ({books.corrected} corrected): {'balanced' if report.balanced else 'NOT BALANCED'}"
    )
    pinned = report.pinned
    where = f"generation {pinned.generation}, batch {pinned.batch}" if pinned else "before its first batch"
    out.print(f"{report.stream} {'holds' if report.holds else 'DOES NOT HOLD'} as of {where}")
