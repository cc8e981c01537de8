"""`tideline anomalies`: what the detectors found, and what corrections took back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import deployed
from tideline.errors import UserError
from tideline.home import Home
from tideline.text_table import cell
from tideline.times import iso


def register(app: typer.Typer) -> None:
    app.command()(anomalies)


def anomalies(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    kind: Annotated[str | None, typer.Option(help="Show the anomalies of this detector alone.")] = None,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="Show those withdrawn too.")] = False,
    last: Annotated[int, typer.Option(min=1, help="Show so many, the newest windows first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with all of them.")] = False,
) -> None:
    """Show what the detectors found in closed windows.

    A correction that takes an anomaly's ground away withdraws it. Times are those of the batch that showed it.

    JSON: stream, detectors {name: what it says}, anomalies [{kind, metric, key, window_start, window_end, observed,
    expected, score, raised_at, withdrawn_at, generation, revision}].
    """
    from tideline.spec.problems import did_you_mean
    from tideline.tables.anomalies import read_anomalies
    from tideline.tables.schemas import StreamTables

    home = Home.from_env()
    detectors = deployed(home, name).detectors
    rows = read_anomalies(StreamTables(home.tables(name)), raised_only=not withdrawn).to_pylist()
    known = sorted({*detectors, *(row["kind"] for row in rows)})
    if kind is not None and kind not in known:
        raise UserError(f"there is no detector '{kind}'", did_you_mean(kind, known, "detectors are"))
    found = [row for row in rows if kind in (None, row["kind"])]
    if as_json:
        told = {each: detector.model_dump() for each, detector in detectors.items()}
        print_json({"stream": name, "detectors": told, "anomalies": [_texts(row) for row in found]})
        return
    if not known:
        out.print(f"{name} declares no detectors: see docs/spec.md")
    columns = ("window_start", "kind", "key", "observed", "expected", "score", "raised_at", "withdrawn_at")
    print_table(out, columns, [[cell(row[column]) for column in columns] for row in found[:last]])
    if len(found) > last:
        out.print(f"the newest {last} of {len(found)}")


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}
