"""How `tideline status` looks to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from tideline.cli.console import out

COLUMNS = ("name", "desired", "state", "epoch", "generation", "batch", "backlog", "watermark", "reason")
_STYLES = {"healthy": "green", "starting": "yellow", "failed": "red", "stopped": "dim"}


def print_status(services: Mapping[str, str], streams: Sequence[Mapping[str, object]]) -> None:
    parts = Table("service", "state", box=None)
    for name, state in services.items():
        parts.add_row(name, state, style=_STYLES[state] if out.is_terminal else None)
    out.print(parts)
    if streams:
        table = Table(*COLUMNS, box=None)
        for stream in streams:
            table.add_row(*(str(stream.get(column, "")) for column in COLUMNS))
        out.print(table)
