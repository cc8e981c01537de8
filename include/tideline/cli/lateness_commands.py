"""`tideline lateness` and `tideline late-alerts`: how late events are, which delay fits them, whose are too many."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import deployed
from tideline.durations import format_span
from tideline.errors import UserError
from tideline.home import Home

if TYPE_CHECKING:
    from tideline.lateness_report import LatenessReport
    from tideline.lateness_stats import Lateness
    from tideline.watermark_advice import Choice

Stream = Annotated[str, typer.Argument(help="The stream's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Target = Annotated[float, typer.Option(help="The share of late events to keep to, below 1; 0.001 is 0.1 %.")]


def register(app: typer.Typer) -> None:
    app.command()(lateness)
    app.command(name="late-alerts")(late_alerts)


def lateness(name: Stream, target: Target = 0.001, as_json: Json = False) -> None:
    """Show how late events were, what each watermark delay would have lost and costs, and which one to choose.

    JSON, spans in ms: stream, topic, batches, other_batches (by another spec, left out), resolution_ms, events, late,
    late_share, lateness_ms {p50, p90, p99, p99.9, max}, partitions [{partition, events, late, late_share,
    lateness_ms}], advice {target, present_ms, choices [{delay_ms, late, share, later_ms, groups_mean, groups_most}],
    advised_ms (null: none), longest_ms}, verdict, note.
    """
    from tideline.lateness_report import lateness_report
    from tideline.tables.schemas import StreamTables

    if not 0 <= target < 1:
        raise UserError(f"--target {target:g} is no share of events from 0 to below 1", "such as 0.001, which is 0.1 %")
    home = Home.from_env()
    report = lateness_report(StreamTables(home.tables(name)), deployed(home, name), target)
    if as_json:
        print_json(report.as_dict())
    else:
        show_report(report)


def show_report(report: LatenessReport) -> None:
    """Lateness by partition, the choices of delay, and the advice."""
    from tideline.lateness_report import DEPLOY
    from tideline.lateness_stats import QUANTILES

    resolution = format_span(report.resolution_ms)
    out.print(f"{report.stream}: {report.total.events} events in {report.batches} batches of topic {report.topic}")
    if report.other_batches:
        out.print(f"{report.other_batches} batches ran by another spec and are left out")
    out.print(f"lateness behind the greatest event time known to a batch, at most {resolution} too high:")
    rows = [_lateness_row(str(partition), each) for partition, each in report.partitions.items()]
    columns = ("partition", "events", "late", "share", *QUANTILES)
    print_table(out, columns, [*rows, _lateness_row("all", report.total)])
    if report.total.events:
        out.print("\nwith another watermark delay (a metric keeps what it waits longer than the smallest):")
        columns = ("delay", "late", "share", "final", "groups held", "at most", "")
        print_table(out, columns, [_choice_row(report, choice) for choice in report.advice.choices])
    out.print(f"\n{report.verdict}")
    out.print(f"{DEPLOY}.")


def _lateness_row(name: str, lateness: Lateness) -> list[object]:
    quantiles = ["-" if value is None else format_span(value) for value in lateness.quantiles.values()]
    return [name, lateness.events, lateness.late, f"{lateness.share:.3%}", *quantiles]


def _choice_row(report: LatenessReport, choice: Choice) -> list[object]:
    marks = {report.advice.present_ms: "present", report.advice.advised_ms: "advised"}
    if choice.later_ms:
        final = f"{format_span(abs(choice.later_ms))} {'later' if choice.later_ms > 0 else 'sooner'}"
    else:
        final = "as now"
    held = ["-", "-"] if choice.groups_mean is None else [f"{choice.groups_mean:.0f}", choice.groups_most]
    mark = marks.get(choice.delay_ms, "")
    if report.advice.present_ms == report.advice.advised_ms == choice.delay_ms:
        mark = "present, advised"
    return [format_span(choice.delay_ms), choice.late, f"{choice.share:.3%}", final, *held, mark]


def late_alerts(name: Stream, as_json: Json = False) -> None:
    """Show the keys that had too many late events, by the alert that the spec declares.

    JSON: stream, declared {key, more_than, within} (null: none), alerts [{alert_column, alert_key, window_start,
    window_end, late_event_count, earliest_late_event, more_than, raised_at, as_of}].
    """
    from tideline.tables.late_alerts import read_late_alerts
    from tideline.tables.schemas import StreamTables

    home = Home.from_env()
    alert = deployed(home, name).late_data.alert
    alerts = read_late_alerts(StreamTables(home.tables(name))).to_pylist()
    if as_json:
        print_json({"stream": name, "declared": alert.model_dump() if alert else None, "alerts": alerts})
        return
    if alert is None:
        out.print(f"{name} declares no alert: add `late_data: {{alert: {{key: ..., more_than: 5, within: 1 hour}}}}`")
    elif not alerts:
        span = format_span(alert.within)
        out.print(f"no {alert.key} had more than {alert.more_than} late events within {span}, of what is corrected")
    if alerts:
        _show_alerts(alerts)


def _show_alerts(alerts: list[dict[str, Any]]) -> None:
    columns = ("raised at", "key", "value", "late events", "from", "to", "earliest")
    shown = ("raised_at", "alert_column", "alert_key", "late_event_count", "window_start", "window_end",
             "earliest_late_event")  # fmt: skip
    print_table(out, columns, [[_cell(row[column]) for column in shown] for row in alerts])


def _cell(value: object) -> str:
    """Times to the second."""
    return value.isoformat(" ", "seconds")[:19] if isinstance(value, datetime) else str(value)
