"""How `tideline status` looks to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from tideline.cli.console import out

COLUMNS = ("name", "desired", "state", "epoch", "batch", "backlog", "watermark")
_STYLES = {"healthy": "green", "starting": "yellow", "failed": "red", "stopped": "dim"}


def print_status(services: Mapping[str, str], streams: Sequence[Mapping[str, object]]) -> None:
    parts = Table("service", "state", box=None)
    for name, state in services.items():
        parts.add_row(name, state, style=_STYLES[state] if out.is_terminal else None)
    out.print(parts)
    if streams:
        table = Table(box=None)
        for column in COLUMNS:
            table.add_column(column, no_wrap=True)
        for stream in streams:
            table.add_row(*(_cell(column, stream.get(column)) for column in COLUMNS))
        out.print(table)
        for stream in streams:
            out.print(f" {stream['name']}: {stream['reason']}", markup=False)


def _cell(column: str, value: object) -> str:
    """Watermarks to the second; nothing where nothing is known."""
    if value is None:
        return "-"
    return str(value)[:19] if column == "watermark" else str(value)
