"""`tideline explain`: why a published number is what it is, and why it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.cli.names import deployed, parse_time
from tideline.errors import UserError
from tideline.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tideline.explain import Place, Step
    from tideline.horizon import Erasure
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
    from tideline.ledger_view import at_text

    subject, era = found.subject, found.era
    bounds = f"{at_text(subject.start_us // 1000)} to {at_text(subject.end_us // 1000)}"
    out.print(f"{stream}.{subject.metric}, window {bounds}, key {subject.key}")
    generations = f"generation {era.first}" if era.first == era.last else f"generations {era.first} to {era.last}"
    out.print(f"the window belongs to the spec {era.spec.fingerprint()}, which {generations} ran")
    out.print()
    if found.left_out:
        out.print(f"{found.left_out} older parts are not shown: each was replaced by the next (--last shows more)")
    columns = ("came", "input", "events", "counts", "offsets of the window", *found.columns, "revision")
    print_table(out, columns, [_cells(step, found.columns) for step in found.steps])
    for line in end_lines(stream, found):
        out.print(line)


def _cells(step: Step, columns: list[str]) -> tuple[object, ...]:
    from tideline.ledger_view import at_text

    counts = "yes" if step.counts else f"no: {step.instead}"
    row = step.row or {}
    values = [_value(row.get(column)) for column in (*columns, "revision")]
    came_ms = step.input.came_ms
    came = f"after {at_text(step.input.recorded_ms)}" if came_ms is None else at_text(came_ms)
    return (came, step.input.name, step.input.events, counts, _places(step.places), *values)


def _value(value: object) -> str:
    return "-" if value is None else str(value)


def _places(places: Iterable[Place]) -> str:
    text = ", ".join(
        f"{place.partition}:{place.first_offset}..{place.last_offset} ({_events(place.events)})" for place in places
    )
    return text or "-"


def _events(count: int) -> str:
    return f"{count} event" + ("" if count == 1 else "s")


def end_lines(stream: str, found: Explanation) -> Iterable[str]:
    from tideline.explain import place_of
    from tideline.unrecoverable import EXPIRED

    yield ""
    for version, places in sorted(found.waits.items()):
        held = found.held.get(version)
        waits = "waits for a reconciliation" if held is None else f"held by the gate, hold {held}"
        yield f"{waits}: batch {place_of(version)} dropped {_places(places)} of the window"
    if found.held:
        yield f"`tideline holds {stream} list` says why; published once a person releases it"
    for version, place, reason in found.lost:
        offsets = f"{place.partition}:{place.first_offset}..{place.last_offset}"
        dropped = f"{_events(place.events)} that batch {place_of(version)} dropped"
        if reason == EXPIRED:
            yield f"never corrected: {dropped}, at {offsets}, came after the window had expired"
        else:
            yield f"never corrected: of {dropped}, Kafka no longer has the offsets {offsets}"
    row = found.published
    if row is None:
        yield "published: no row"
    else:
        values = ", ".join(f"{name} {_value(row.get(name))}" for name in found.columns)
        state = "open" if row["is_open"] else "closed"
        yield f"published: {values}, revision {row['revision']}, {state}"
    if found.erased is not None:
        yield _erased(found.erased)
    else:
        yield "this is what its inputs give" if not found.differs else _difference(found)


def _erased(erasure: Erasure) -> str:
    from tideline.times import iso_ms, iso_us

    at = f" on {iso_ms(erasure.at_ms)}" if erasure.at_ms else ""
    until = iso_us(erasure.until_us)
    return f"what it was made of was erased{at}: windows that end up to {until} have expired, and their rows stay"


def _difference(found: Explanation) -> str:
    if found.differs == ("*",):
        return f"THIS DIFFERS: its inputs give {'no row' if found.expected is None else 'a row'}"
    expected, row = found.expected or {}, found.published or {}
    return "THIS DIFFERS: " + "; ".join(
        f"{name} should be {_value(expected[name])} and is {_value(row.get(name))}" for name in found.differs
    )
