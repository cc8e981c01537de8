"""`tideline rejects`: what was no event, by reason, and replayed when it has become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table, progress
from tideline.cli.names import deployed
from tideline.cli.windows_view import needs_as_dict, needs_as_text
from tideline.home import Home
from tideline.times import iso

if TYPE_CHECKING:
    from tideline.recompute import Window
    from tideline.rejects import Reject
    from tideline.rejects_report import RejectsReport
    from tideline.replay import Replay

NEWEST = 10
SHOWN_BYTES = 120

Stream = Annotated[str, typer.Argument(help="The stream's name.")]


def register(app: typer.Typer) -> None:
    app.command()(rejects)


def rejects(
    name: Stream,
    reason: Annotated[str | None, typer.Option(help="Only rejects of this reason.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, max=1000, help="How many of the newest are shown; 10 if it is not given.")
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Recompute the windows of those that are events now.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --replay: show what it would do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; values are base64.")] = False,
) -> None:
    """Show the records that are no events: how many by reason, and the newest with their bytes made harmless.

    JSON: stream, records, rejects {reason: count}, dropped {batches, events, dropped, share}, alarm, newest [{topic,
    partition, offset, timestamp, generation, batch, reason, size, value_base64}]; of a replay: stream, events_now
    {reason: count}, windows [{metric, window_end}], open_windows (likewise), from, to, rows_changed (null: dry run).
    """
    if dry_run and not replay:
        raise typer.BadParameter("it belongs to --replay", param_hint="--dry-run")
    if replay and limit is not None:
        raise typer.BadParameter("a replay takes all rejects of a reason", param_hint="--limit")
    from tideline.rejects_report import report_rejects, require_reason

    home = Home.from_env()
    deployed(home, name)
    require_reason(home, name, reason)
    if replay:
        _replay(name, reason, dry_run, as_json)
        return
    report = report_rejects(home, name, NEWEST if limit is None else limit, reason)
    if as_json:
        print_json({"stream": name, **_counts(report), "newest": [_as_dict(reject) for reject in report.newest]})
    else:
        _show(name, report)


def _counts(report: RejectsReport) -> dict[str, object]:
    dropped = report.dropped
    return {
        "records": report.records,
        "rejects": report.by_reason,
        "dropped": {
            "batches": dropped.batches,
            "events": dropped.events,
            "dropped": dropped.dropped,
            "share": dropped.share,
        },
        "alarm": str(report.alarm) if report.alarm else None,
    }


def _show(name: str, report: RejectsReport) -> None:
    total = sum(report.by_reason.values())
    out.print(f"{name}: {total:,} rejects of {report.records:,} records{_share(total, report.records)}")
    if report.by_reason:
        print_table(
            out,
            ("reason", "rejects", "share of records"),
            [
                (reason, f"{count:,}", _share(count, report.records).strip(" ()"))
                for reason, count in report.by_reason.items()
            ],
        )
    if report.newest:
        out.print()
        print_table(
            out, ("record", "Kafka time", "batch", "reason", "bytes"), [_row(reject) for reject in report.newest]
        )
    dropped = report.dropped
    if dropped.events:
        out.print()
        batches = f"the last {dropped.batches} batches with events"
        out.print(
            f"dropped by the watermark in {batches}: {dropped.dropped:,} of {dropped.events:,} ({dropped.share:.2%})"
        )
    if report.alarm:
        out.print(f"ALARM: {report.alarm}", style="red")


def _share(count: int, records: int) -> str:
    return f" ({count / records:.2%})" if records else ""


def _row(reject: Reject) -> tuple[str, ...]:
    from tideline.shown_bytes import shown
    from tideline.versions import batch_of, generation_of

    at = reject.timestamp.isoformat(sep=" ", timespec="seconds")[:19]
    batch = f"{generation_of(reject.version)}/{batch_of(reject.version)}"
    place = f"{reject.topic} {reject.partition} @ {reject.offset}"
    return place, at, batch, reject.reason, shown(reject.value, SHOWN_BYTES)


def _as_dict(reject: Reject) -> dict[str, object]:
    from base64 import b64encode

    from tideline.versions import batch_of, generation_of

    return {
        "topic": reject.topic,
        "partition": reject.partition,
        "offset": reject.offset,
        "timestamp": iso(reject.timestamp),
        "generation": generation_of(reject.version),
        "batch": batch_of(reject.version),
        "reason": reject.reason,
        "size": None if reject.value is None else len(reject.value),
        "value_base64": None if reject.value is None else b64encode(reject.value).decode(),
    }


def _replay(name: str, reason: str | None, dry_run: bool, as_json: bool) -> None:
    from tideline.replay import plan_replay, replay_rejects

    home = Home.from_env()
    deployed(home, name)
    plan = plan_replay(home, name, reason)
    if not as_json:
        _show_replay(name, plan)
    changed = None if dry_run else replay_rejects(plan, lambda windows: _recompute(home, name, windows))
    if as_json:
        print_json({"stream": name, "events_now": plan.events, **needs_as_dict(plan.needs), "rows_changed": changed})
    elif changed is not None and plan.events:
        out.print(f"rows changed: {changed:,}")


def _recompute(home: Home, name: str, windows: frozenset[Window]) -> int:
    from tideline.backfill import recompute_windows
    from tideline.settings import Settings
    from tideline.stream_books import open_books

    books = open_books(home, Settings.load(home).kafka, name)
    return recompute_windows(books, windows, progress).rows_changed


def _show_replay(name: str, plan: Replay) -> None:
    if not plan.events:
        out.print(f"{name}: no reject is an event now")
        return
    print_table(
        out, ("was rejected for", "events now"), [(reason, f"{count:,}") for reason, count in plan.events.items()]
    )
    for line in needs_as_text(name, plan.needs):
        out.print(line)
