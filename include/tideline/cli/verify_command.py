"""`tideline verify`: the tables proved to be what the log says, whole or sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import err, out, print_json, print_table
from tideline.cli.names import deployed, parse_optional_time
from tideline.errors import UserError
from tideline.home import Home
from tideline.settings import Settings
from tideline.times import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tideline.ledger import LedgerRow
    from tideline.verify.report import MetricReport, VerifyReport
    from tideline.verify.sample import Draw, SampleReport


def register(app: typer.Typer) -> None:
    app.command()(verify)


def verify(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    sample: Annotated[float | None, typer.Option(help="Compare this share of the windows, from 0 to 1.")] = None,
    windows: Annotated[int | None, typer.Option(min=1, help="Compare so many windows.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Draws the same windows again; by default another each time.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Windows that begin from then on; RFC 3339, UTC.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Windows that begin before this time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare every table with a batch computation over the whole log; exit 1 on any difference.

    With --sample, --windows, --from or --to only those windows are compared. Then the ledger's zone map says where to
    read, so a fault in the ledger can go unseen, and conservation is not checked.

    JSON: stream, holds, pinned {generation, batch}, metrics {name: {windows, rows, differences, pending}},
    conservation {events, counted, rejected, late, corrected, held, unrecoverable, replayable, unchecked_windows,
    expired_windows, expired_until (null: none), holds} (null for a sample), differences [{metric, window_start, key,
    column, expected, found}] (of the first 20 rows of each metric that differ); of a sample also sample {drawn,
    windows, unchecked, seed, records_read}.
    """
    from tideline.verify import verify_stream
    from tideline.verify.sample import verify_stream_sample

    home = Home.from_env()
    deployed(home, name)
    draw = _draw(sample, windows, seed, since, until)
    address = Settings.load(home).kafka
    with err.status("reading the log") as status:

        def show(done: int, of: int) -> None:
            status.update(f"reading the log: {done} of {of} records")

        report: VerifyReport | SampleReport = (
            verify_stream(home, address, name, show)
            if draw is None
            else verify_stream_sample(home, address, name, draw, show)
        )
    if as_json:
        print_json(report.as_dict())
    else:
        _show_any(report)
    raise typer.Exit(0 if report.holds else 1)


def _draw(
    share: float | None, count: int | None, seed: int | None, since: str | None, until: str | None
) -> Draw | None:
    """What is asked for; None for everything."""
    from random import SystemRandom

    from tideline.verify.sample import ALWAYS_US, Draw

    if seed is not None and share is None and count is None:
        raise UserError("--seed draws windows", "give it with --sample or --windows")
    if share is None and count is None and since is None and until is None:
        return None
    if share is not None and (count is not None or not 0 < share <= 1):
        raise UserError("--sample is a share above 0 and up to 1, without --windows", "such as --sample 0.05")
    begin, end = parse_optional_time(since, "--from"), parse_optional_time(until, "--to")
    if begin is not None and end is not None and begin >= end:
        raise UserError(f"the range from {iso(begin)} to {iso(end)} is empty", "give --from a time before --to")
    between = (
        ALWAYS_US[0] if begin is None else round(begin.timestamp() * 1_000_000),
        ALWAYS_US[1] if end is None else round(end.timestamp() * 1_000_000),
    )
    return Draw(SystemRandom().randrange(1_000_000) if seed is None else seed, share, count, between)


def _show_any(report: VerifyReport | SampleReport) -> None:
    from tideline.verify.report import VerifyReport

    if isinstance(report, VerifyReport):
        show_report(report)
        return
    _show_metrics(report.metrics)
    out.print(
        f"{report.drawn} of {report.windows} windows compared (seed {report.draw.seed}), {report.records_read} records "
        "read where the ledger says; conservation not checked: a verification of everything trusts no ledger"
    )
    if report.unchecked:
        out.print(f"{report.unchecked} windows were not drawn: Kafka no longer has all of their events")
    _show_verdict(report.stream, report.holds, report.pinned)


def show_report(report: VerifyReport) -> None:
    """The verdict as a table, and each difference with both values."""
    _show_metrics(report.metrics)
    books = report.conservation()
    held = f"{books['held']} held, " if books["held"] else ""
    out.print(
        f"sent {books['events']} = counted {books['counted']} + rejected {books['rejected']} + late {books['late']}"
        f" ({books['corrected']} corrected, {report.books.pending} pending, {held}{books['unrecoverable']}"
        f" unrecoverable): {'balanced' if report.imbalance is None else f'NOT BALANCED: {report.imbalance}'}"
    )
    if held:
        out.print(
            f"the gate holds corrections back until a person releases them: `tideline holds {report.stream} list`"
        )
    if books["unrecoverable"]:
        out.print(f"{books['unrecoverable']} late events lie in windows that cannot be corrected any more")
    if report.unchecked:
        out.print(f"{report.unchecked} windows unchecked: Kafka no longer has all of their events")
    if report.expired.windows:
        out.print(
            f"{report.expired.windows} windows that end up to {report.expired.until} have expired: what they were made "
            "of is erased, and their rows stay as they are"
        )
    if report.replayable:
        out.print(f"{report.replayable} rejects are events today: `tideline rejects {report.stream} --replay`")
    _show_verdict(report.stream, report.holds, report.pinned)


def _show_metrics(metrics: Mapping[str, MetricReport]) -> None:
    rows = [(name, each.windows, each.rows, each.differences, each.pending) for name, each in metrics.items()]
    print_table(out, ("metric", "windows", "rows", "differences", "pending"), rows)
    for name, metric in metrics.items():
        shown = len({(d.window_start, d.key) for d in metric.shown})
        if shown < metric.differences:
            out.print(f"{name}: the first {shown} of {metric.differences} differences", style="red")
        for d in metric.shown:
            values = f"expected {d.expected}, found {d.found}"
            out.print(f"{d.metric} {d.window_start} {d.key} {d.column}: {values}", style="red")


def _show_verdict(stream: str, holds: bool, pinned: LedgerRow | None) -> None:
    where = f"generation {pinned.generation}, batch {pinned.batch}" if pinned else "before its first batch"
    out.print(f"{stream} {'holds' if holds else 'DOES NOT HOLD'} as of {where}")
