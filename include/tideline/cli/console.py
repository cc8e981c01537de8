"""Where the command line speaks: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import Box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tideline.errors import UserError
from tideline.plain_json import plain_json
from tideline.shown_bytes import printable

_ANY_WIDTH = 10_000


class PlainConsole(Console):
    """Prints texts from anyone: a terminal shows what they hold, and obeys none of it."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(printable(each, "\n") if isinstance(each, str) else each for each in objects), **options)


# Paths, ids and reasons hold brackets and colons: nothing that is printed is markup or an emoji's name.
out = PlainConsole(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = PlainConsole(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def progress(line: str) -> None:
    err.print(line)


def print_json(value: object) -> None:
    """One object, as `--json` promises."""
    sys.stdout.write(plain_json(value) + "\n")


def print_error(error: UserError) -> None:
    err.print(f"error: {error.message}", style="red")
    if error.fix:
        err.print(f"  fix: {error.fix}")


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    box: Box | None = None,
    show_header: bool = True,
    styles: Sequence[str | None] = (),
) -> None:
    """Rows as they are: a table wider than the terminal runs over its edge, and no cell is cut."""
    table = Table(title=title, box=box, show_header=show_header, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(Text(printable(column)), no_wrap=True)
    for number, row in enumerate(rows):
        style = styles[number] if styles and console.is_terminal else None
        table.add_row(*(Text(printable(str(value))) for value in row), style=style)
    table.width = Measurement.get(console, console.options.update(width=_ANY_WIDTH), table).maximum
    console.print(table)
