"""`tideline ledger`: what was sent, counted, refused and late, by batch, by day and in sum."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import deployed
from tideline.errors import UserError
from tideline.home import Home

if TYPE_CHECKING:
    from tideline.gaps import Gap
    from tideline.ledger import Books
    from tideline.ledger_view import BatchView, Day
    from tideline.stream_ledger import StreamLedger


NEWEST = 20


class By(StrEnum):
    """How the books are divided."""

    BATCH = "batch"
    DAY = "day"
    STATE = "state"


def register(app: typer.Typer) -> None:
    app.command()(ledger)


def ledger(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    by: Annotated[By, typer.Option(help="One line a batch, a day (UTC), or a state.")] = By.BATCH,
    last: Annotated[
        int | None, typer.Option(min=1, help="So many batches or days, the newest; 20 if it is not given.")
    ] = None,
    event_time: Annotated[
        bool, typer.Option("--event-time", help="With --by day: days of event time, not of the batches.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the books of a stream: sent = counted + rejected + late; late = corrected + pending + held + unrecoverable.

    All are numbers of records, each counted once. What was rejected is as it was judged when it was read. L and E are
    the watermarks that a batch dropped by and that it closed windows by: its L is the E of the batch before it.

    Totals hold what is brought forward of batches whose rows `tideline maintain` has erased.

    JSON: stream, totals {sent, rejected, counted, late, corrected, pending, held, unrecoverable, balanced},
    brought_forward (the same of erased batches, and their number: batches), gaps [{generation, first, last}], alarms
    (texts), and one of

    batches [{generation, batch, recorded, offsets {partition: [start, end)}, sent, rejected, counted, late, corrected,
    pending, held, unrecoverable, balanced, late_watermark (L), watermark (E; both null before the first), source
    (driver, rebuilt or inferred)}],

    days [{day, batches, sent, rejected, counted, late, corrected, pending, held, unrecoverable, balanced}],

    generations [{generation, at, starts {partition: offset}, bound, reason, fingerprint}].

    Exit 1 when the books do not balance.
    """
    from tideline.stream_ledger import open_ledger

    if event_time and by is not By.DAY:
        raise UserError("--event-time divides days", "give it with --by day")
    if last is not None and by is By.STATE:
        raise UserError("--last divides nothing by state: all generations are shown", "give it with --by batch or day")
    last = last or NEWEST
    home = Home.from_env()
    books = open_ledger(home, deployed(home, name))
    if as_json:
        print_json(_as_dict(name, books, by, last, event_time))
    else:
        _show(books, by, last, event_time)
    raise typer.Exit(0 if books.totals.balanced else 1)


def _as_dict(name: str, books: StreamLedger, by: By, last: int, event_time: bool) -> dict[str, object]:
    from tideline.ledger_view import books_as_dict, cut_as_dict

    found: dict[str, object] = {
        "stream": name,
        "totals": books_as_dict(books.totals),
        "brought_forward": {"batches": books.erased.batches, **books_as_dict(books.erased.books)},
        "gaps": [asdict(gap) for gap in books.gaps],
        "alarms": books.alarms(),
    }
    match by:
        case By.BATCH:
            found["batches"] = [view.as_dict() for view in books.batches(last)]
        case By.DAY:
            days = books.days(event_time)[-last:]
            found["days"] = [{"day": day.day, "batches": day.batches, **books_as_dict(day.books)} for day in days]
        case By.STATE:
            found["generations"] = [cut_as_dict(cut) for cut in books.cuts]
    return found


def _show(books: StreamLedger, by: By, last: int, event_time: bool) -> None:
    match by:
        case By.BATCH:
            _show_batches(books.batches(last))
        case By.DAY:
            _show_days(books.days(event_time)[-last:])
            if event_time:
                out.print("rejected records have no event time: they are in the totals only")
        case By.STATE:
            _show_states(books)
    for gap in books.gaps:
        out.print(_gap_text(gap), style="yellow")
    for alarm in books.alarms():
        out.print(f"ALARM: {alarm}", style="red")
    if books.erased.batches:
        said = totals_text(books.erased.books)
        out.print(f"brought forward of {books.erased.batches} batches whose rows are erased: {said}")
    out.print(totals_text(books.totals))


def _show_batches(views: list[BatchView]) -> None:
    from tideline.ledger_view import at_text, watermark_text

    def cells(view: BatchView) -> tuple[object, ...]:
        offsets = " ".join(f"{part}:{start}..{end - 1}" for part, (start, end) in view.offsets.items() if end > start)
        books = view.books
        counts = (books.sent, books.rejected, books.counted, books.late, view.state)
        marks = (watermark_text(view.late_ms), watermark_text(view.watermark_ms), view.source.value)
        recorded = at_text(round(view.recorded.timestamp() * 1000))
        return (f"{view.generation}/{view.batch}", recorded, offsets or "-", *counts, *marks)

    columns = ("batch", "recorded", "offsets", "sent", "rejected", "counted", "late", "state", "L", "E", "source")
    print_table(out, columns, [cells(view) for view in views])


def _show_days(days: list[Day]) -> None:
    from tideline.ledger_view import books_as_dict

    columns = ("sent", "rejected", "counted", "late", "corrected", "pending", "held", "unrecoverable")
    rows = [(day.day, day.batches, books_as_dict(day.books)) for day in days]
    cells = [(day, batches, *(books[column] for column in columns)) for day, batches, books in rows]
    print_table(out, ("day", "batches", *columns), cells)


def _show_states(books: StreamLedger) -> None:
    from tideline.ledger_view import at_text, bound_text

    totals = books.totals
    states = {
        "counted": totals.counted,
        "rejected": totals.rejected,
        "late, corrected": totals.corrected,
        "late, pending": totals.pending,
        "late, held": totals.held,
        "late, unrecoverable": totals.unrecoverable,
    }
    print_table(out, ("state", "sent"), states.items())
    out.print()
    rows = [
        (
            cut.generation,
            at_text(cut.at_ms),
            " ".join(f"{part}:{offset}" for part, offset in sorted(cut.starts.items())),
            bound_text(cut) or "as before",
            cut.spec.fingerprint(),
            cut.reason,
        )
        for cut in books.cuts
    ]
    print_table(out, ("generation", "since", "from", "windows that end after", "spec", "reason"), rows)


def _gap_text(gap: Gap) -> str:
    batches = f"batch {gap.first}" if gap.first == gap.last else f"batches {gap.first} to {gap.last}"
    return f"{batches} of generation {gap.generation} have no ledger row yet: the next reconciliation writes it"


def totals_text(books: Books) -> str:
    """The balance in one line, as `tideline verify` says it."""
    held = f"{books.held} held, " if books.held else ""
    fates = f"{books.corrected} corrected, {books.pending} pending, {held}{books.unrecoverable} unrecoverable"
    parts = f"counted {books.counted} + rejected {books.rejected} + late {books.late} ({fates})"
    return f"sent {books.sent} = {parts}: {'balanced' if books.balanced else 'NOT BALANCED'}"
