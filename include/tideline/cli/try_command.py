"""`tideline try`: what a spec makes of a file's lines, in seconds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tideline.cli.console import out, print_json, print_table, progress
from tideline.shown_bytes import shown
from tideline.text_table import cell
from tideline.times import iso

if TYPE_CHECKING:
    import pyarrow as pa

    from tideline.trial import Trial


def register(app: typer.Typer) -> None:
    app.command("try")(try_spec)


def try_spec(
    spec: Annotated[str, typer.Argument(help="A stream's name, or the path of a spec file.")],
    file: Annotated[Path, typer.Argument(help="A file of records, one a line, as they would come from Kafka.")],
    metric: Annotated[str | None, typer.Option(help="Show this metric's table alone.")] = None,
    last: Annotated[int, typer.Option(min=1, help="Show so many rows of each table, the newest windows.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with all rows.")] = False,
) -> None:
    """Show what a spec makes of a file: rejects, and the windows of every metric as if nothing came late.

    What detectors find in those windows is shown last. Empty lines are passed over. It needs no broker, no Airflow and
    no JVM. Exit 1 when no line is an event.

    JSON: stream, lines, events, rejects {reason: count}, first_rejects [{line, reason, value}], tables {metric: [row]},
    anomalies [{window_start, kind, metric, key, observed, expected, score}].
    """
    from tideline.clock import now_ms
    from tideline.errors import UserError
    from tideline.spec.load import find_spec, load_spec
    from tideline.spec.problems import did_you_mean
    from tideline.trial import read_lines, try_lines

    found = load_spec(find_spec(spec))
    if metric is not None and metric not in found.metrics:
        raise UserError(f"there is no metric '{metric}'", did_you_mean(metric, found.metrics, "metrics are"))
    trial = try_lines(found, read_lines(file), now_ms(), lambda read: progress(f"{read} lines read"))
    tables = {name: rows for name, rows in trial.tables.items() if metric in (None, name)}
    anomalies = [row for row in trial.anomalies.to_pylist() if metric in (None, row["metric"])]
    if as_json:
        told = [_texts(row) for row in anomalies]
        print_json({"stream": found.name, **_as_dict(trial, tables), "anomalies": told})
    else:
        _show(trial, tables, last)
        _show_anomalies(anomalies, last)
    raise typer.Exit(0 if trial.events else 1)


def _as_dict(trial: Trial, tables: dict[str, pa.Table]) -> dict[str, Any]:
    return {
        "lines": trial.lines,
        "events": trial.events,
        "rejects": trial.rejects,
        "first_rejects": [
            {"line": each.line, "reason": each.reason, "value": shown(each.value)} for each in trial.first_rejects
        ],
        "tables": {name: [_texts(row) for row in rows.to_pylist()] for name, rows in tables.items()},
    }


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _show(trial: Trial, tables: dict[str, pa.Table], last: int) -> None:
    reasons = ", ".join(f"{count} {reason}" for reason, count in trial.rejects.items())
    out.print(f"{trial.lines} lines: {trial.events} events, {sum(trial.rejects.values())} rejects")
    if reasons:
        out.print(f"rejects: {reasons}; the first:")
        for each in trial.first_rejects:
            out.print(f"  line {each.line}  {each.reason}  {shown(each.value)}")
    for name, rows in tables.items():
        newest = rows.slice(max(0, len(rows) - last))
        left = f", the newest {len(newest)}" if len(newest) < len(rows) else ""
        out.print(f"\n{name}: {len(rows)} rows{left}")
        print_table(out, newest.column_names, [list(map(cell, row.values())) for row in newest.to_pylist()])


def _show_anomalies(anomalies: list[dict[str, Any]], last: int) -> None:
    if anomalies:
        left = f", the newest {last}" if len(anomalies) > last else ""
        out.print(f"\nanomalies: {len(anomalies)}{left}")
        print_table(out, list(anomalies[0]), [list(map(cell, row.values())) for row in anomalies[-last:]])
