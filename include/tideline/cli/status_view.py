"""How `tideline status` looks to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from tideline.cli.console import out, print_table

COLUMNS = ("name", "desired", "state", "epoch", "batch", "backlog", "watermark")
_STYLES = {"healthy": "green", "starting": "yellow", "failed": "red", "stopped": "dim"}


def print_status(services: Mapping[str, str], streams: Sequence[Mapping[str, Any]], console: Console = out) -> None:
    styles = [_STYLES.get(state) for state in services.values()]
    print_table(console, ("service", "state"), services.items(), styles=styles)
    if streams:
        console.print()
        rows = [[_cell(column, stream) for column in COLUMNS] for stream in streams]
        print_table(console, COLUMNS, rows)
        for stream in streams:
            console.print(f"{stream['name']}: {stream['reason']}", markup=False)
            for told in stream.get("told", ()):
                console.print(f"{stream['name']}: {told}", markup=False)


def _cell(column: str, stream: Mapping[str, Any]) -> str:
    """A batch by its generation, watermarks to the second; nothing where nothing is known."""
    value = stream.get(column)
    if column == "batch":
        return f"{stream['generation']}/{'-' if value is None else value}"
    if value is None:
        return "-"
    return str(value)[:19] if column == "watermark" else str(value)
