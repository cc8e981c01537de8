"""`tideline retention`: whether Kafka keeps what a stream still needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import deployed

if TYPE_CHECKING:
    from tideline.retention_report import RetentionReport


def register(app: typer.Typer) -> None:
    app.command()(retention)


def retention(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show whether Kafka keeps what the stream still needs; exit 1 when something needed is gone.

    JSON: stream, topic, holds, retention_ms, retention_bytes, timestamp_type, compacts, partitions [{partition, level,
    needed, earliest, age_ms, share, missing [[start, end)], reason}], unrecoverable {windows, events}.
    """
    from tideline.home import Home
    from tideline.retention_report import stream_retention
    from tideline.settings import Settings

    home = Home.from_env()
    deployed(home, name)
    report = stream_retention(home, Settings.load(home).kafka, name)
    if as_json:
        print_json(report.as_dict())
    else:
        show_retention(report)
    raise typer.Exit(0 if report.holds else 1)


def show_retention(report: RetentionReport) -> None:
    """A row a partition, then what was given up for good."""
    from tideline.durations import format_duration

    limits = report.guard.limits
    kept_for = "no limit" if limits.retention_ms is None else format_duration(limits.retention_ms)
    kept = "no limit" if limits.retention_bytes is None else f"{limits.retention_bytes:,} bytes"
    out.print(f"topic {report.topic}: age {kept_for}, size {kept} a partition, timestamps {limits.timestamp_type}")
    columns = ("partition", "needed from", "earliest", "verdict", "why")
    rows = [(v.partition, v.needed, v.earliest, v.level, v.reason) for v in report.guard.verdicts]
    print_table(out, columns, rows)
    if report.unrecoverable_windows:
        events, windows = report.unrecoverable_events, report.unrecoverable_windows
        out.print(f"unrecoverable: {events} late events in {windows} windows, see the table `unrecoverable`")
