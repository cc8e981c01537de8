"""An explanation in words, for a terminal and for a page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tideline.explain import Place, Step, place_of
from tideline.horizon import Erasure
from tideline.ledger_view import at_text
from tideline.stream_explain import Explanation
from tideline.times import iso_ms, iso_us
from tideline.unrecoverable import EXPIRED


def head_of(stream: str, found: Explanation) -> tuple[str, str]:
    """What is explained, and by which spec."""
    subject, era = found.subject, found.era
    bounds = f"{at_text(subject.start_us // 1000)} to {at_text(subject.end_us // 1000)}"
    generations = f"generation {era.first}" if era.first == era.last else f"generations {era.first} to {era.last}"
    return (
        f"{stream}.{subject.metric}, window {bounds}, key {subject.key}",
        f"the window belongs to the spec {era.spec.fingerprint()}, which {generations} ran",
    )


def columns_of(found: Explanation) -> tuple[str, ...]:
    return ("came", "input", "events", "counts", "offsets (all keys)", *found.columns, "revision")


def cells_of(step: Step, columns: Sequence[str]) -> tuple[object, ...]:
    """A step as a row of `columns_of`; `columns` are the measures."""
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


def conclusion_of(stream: str, found: Explanation) -> Iterator[str]:
    """What the group waits for, what it never gets, the published row, and whether that is what its inputs give."""
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
