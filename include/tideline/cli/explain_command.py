"""`tideline explain`: why a published number is what it is, and why it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import deployed, parse_time
from tideline.errors import UserError
from tideline.home import Home

if TYPE_CHECKING:
    from tideline.stream_explain import Explanation


def register(app: typer.Typer) -> None:
    app.command()(explain)


def explain(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    metric: Annotated[str, typer.Argument(help="The metric's name.")],
    window: Annotated[str, typer.Argument(help="The window's start: RFC 3339, or milliseconds since the epoch.")],
    key: Annotated[str, typer.Argument(help='The key values with commas between, or a JSON array: ["shop", null].')],
    until: Annotated[
        str | None, typer.Option(help="The window's end, where windows of two specs begin at the same time.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="So many parts of each generation, the newest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell why a number is what it is: its inputs in the order in which they came, and the row as of each.

    Offsets are those of the window's events, of all keys. Exit 1 when the published row is not what its inputs give.

    JSON: stream, metric, window_start, window_end, key, era {first, last, fingerprint}, steps [{input (part,
    correction, override), batch, recorded (its batch), came (null: not known), events, counts, instead,
    offsets [{partition, first_offset, last_offset, events}], values, revision}], left_out, waiting [{batch, offsets,
    hold (its number, where the gate holds the correction back)}],
    lost [{batch, offsets, reason}], expected, published, differs, erased (when the inputs went; null: they are there).
    """
    from tideline.stream_explain import explain_group
    from tideline.subjects import find_subject
    from tideline.tables.books import read_eras
    from tideline.tables.schemas import StreamTables

    home = Home.from_env()
    spec = deployed(home, name)
    tables = StreamTables(home.tables(name))
    eras = read_eras(tables, spec)
    end_us = None if until is None else time_us(until, "--until")
    subject = find_subject(tables, eras, metric, time_us(window, "WINDOW"), key, end_us)
    found = explain_group(tables, eras, subject, last)
    if as_json:
        print_json({"stream": name, **found.as_dict()})
    else:
        show(name, found)
    raise typer.Exit(1 if found.differs else 0)


def time_us(text: str, option: str) -> int:
    """A time in us; digits alone are milliseconds."""
    if text.lstrip("-").isdecimal():
        if not -62_135_596_800_000 <= int(text) <= 253_402_300_799_999:
            fix = "give milliseconds, or an RFC 3339 time"
            raise UserError(f"{option} {text} lies outside the years 1 to 9999", fix)
        return int(text) * 1000
    return round(parse_time(text, option).timestamp() * 1_000_000)


def show(stream: str, found: Explanation) -> None:
    """The group, its steps, what it waits for, and whether the published row is the last step."""
    from tideline.explain_view import cells_of, columns_of, conclusion_of, head_of

    for line in head_of(stream, found):
        out.print(line)
    out.print()
    if found.left_out:
        out.print(f"{found.left_out} older parts are not shown: each was replaced by the next (--last shows more)")
    print_table(out, columns_of(found), [cells_of(step, found.columns) for step in found.steps])
    out.print()
    for line in conclusion_of(stream, found):
        out.print(line)
