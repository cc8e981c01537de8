"""Why a published number is what it is: its inputs as they came, folded by the publisher itself. Pure.

After each input the row is computed again from all inputs so far, so the last step is the row that should be published.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.publish import Publisher
from tideline.generations import Era
from tideline.lateness import windows_of
from tideline.ledger import LedgerRow, Pane
from tideline.tables.books import Inputs
from tideline.versions import batch_of, generation_of

Row = dict[str, Any]


class Kind(StrEnum):
    """What an input of a published row is."""

    PART = "part"
    CORRECTION = "correction"
    OVERRIDE = "override"


@dataclass(frozen=True)
class Subject:
    """The group that is asked about: a metric's window by its bounds in us, and the key as a JSON array."""

    metric: str
    start_us: int
    end_us: int
    key: str


@dataclass(frozen=True)
class Place:
    """Where in a partition the window's events lie, between which offsets; other keys' events count too."""

    partition: int
    first_offset: int
    last_offset: int
    events: int


@dataclass(frozen=True)
class Input:
    """One row of parts, corrections or overrides; `index` is its place in its table.

    `recorded_ms` is its batch's time. A part came then, another when it was committed: `came_ms`, None where an older
    version of this software has not written it.
    """

    kind: Kind
    version: int
    sequence: int
    events: int
    recorded_ms: int
    came_ms: int | None
    index: int

    @property
    def name(self) -> str:
        return f"{self.kind} {place_of(self.version)}"


@dataclass(frozen=True)
class Step:
    """An input, whether it counts now and else what stands for it, its offsets, and the row as of it (None: no row)."""

    input: Input
    instead: str | None
    places: tuple[Place, ...]
    row: Row | None

    @property
    def counts(self) -> bool:
        return self.instead is None


def place_of(version: int) -> str:
    """A version as people write it, generation/batch; what comes before a generation's first batch is its cut."""
    cut = batch_of(version) == batch_of(-1)
    return f"{generation_of(version) + 1}/cut" if cut else f"{generation_of(version)}/{batch_of(version)}"


def inputs_in_order(inputs: Inputs) -> list[Input]:
    """All inputs, oldest first: parts came when their batch was recorded, others when they were committed.

    Where that is not known they came as soon as they could: after their batch. Versions are surer than clocks: batches
    come in their order, and nothing comes before its batch.
    """
    tables = {Kind.PART: inputs.parts, Kind.CORRECTION: inputs.corrections, Kind.OVERRIDE: inputs.overrides}
    found = [each for kind, table in tables.items() for each in _inputs(kind, table)]
    ordered: list[tuple[int, Input]] = []
    reached = -(1 << 62)
    for each in sorted(found, key=lambda each: (each.version, list(Kind).index(each.kind), each.sequence)):
        reached = max(reached, each.recorded_ms)
        ordered.append((max(reached, each.came_ms or reached), each))
    return [each for _, each in sorted(ordered, key=lambda pair: pair[0])]


def _inputs(kind: Kind, table: pa.Table) -> Iterable[Input]:
    recorded = _ms(table["batch_at"])
    came = recorded if kind is Kind.PART else _ms(table["made_at"])
    rows = zip(table["version"].to_pylist(), table["events"].to_pylist(), recorded, came, strict=True)
    sequences = [0] * len(table) if kind is Kind.PART else table["sequence"].to_pylist()
    for index, (version, events, at_ms, came_ms) in enumerate(rows):
        yield Input(kind, version, sequences[index], events, at_ms, came_ms, index)


def _ms(times: pa.ChunkedArray) -> list[Any]:
    return pc.divide(times.cast(pa.int64()), 1000).to_pylist()  # type: ignore[no-any-return]


def replacements(order: Sequence[Input]) -> dict[Input, str]:
    """The inputs that do not count, each with the name of what stands for it."""
    overrides = [each for each in order if each.kind is Kind.OVERRIDE]
    newest = max(overrides, key=lambda each: (each.version, each.sequence), default=None)
    last_parts: dict[int, Input] = {}
    for each in sorted(order, key=lambda each: each.version):
        if each.kind is Kind.PART:
            last_parts[generation_of(each.version)] = each
    found: dict[Input, str] = {}
    for each in order:
        part = last_parts.get(generation_of(each.version))
        if newest is not None and each is not newest and _is_seen(each, newest):
            found[each] = newest.name
        elif each.kind is Kind.PART and part is not None and each is not part:
            found[each] = part.name
    return found


def _is_seen(each: Input, override: Input) -> bool:
    """Whether an override has this input in it, as `tideline.engine.publish` merges."""
    if each.kind is Kind.PART:
        return generation_of(each.version) <= generation_of(override.version)
    return each.kind is Kind.OVERRIDE or each.version <= override.version


def fold(publisher: Publisher, inputs: Inputs, so_far: Sequence[Input], metric: str, watermark_ms: int) -> Row | None:
    """The published row of one group from these of its inputs; None when they leave no event."""
    merged = publisher.merge(
        *(
            table.take(pa.array([each.index for each in so_far if each.kind is kind], pa.int64()))
            for kind, table in ((Kind.PART, inputs.parts), (Kind.CORRECTION, inputs.corrections),
                                (Kind.OVERRIDE, inputs.overrides))
        )
    )  # fmt: skip
    rows = publisher.finish(merged.filter(pc.greater(merged["events"], 0)), watermark_ms)[metric]
    return rows.to_pylist()[0] if len(rows) else None


def places_of(
    era: Era, eras: Sequence[Era], subject: Subject, each: Input, ledger: Iterable[LedgerRow]
) -> tuple[Place, ...]:
    """The offsets of the window's events that an input brought: a batch's own, or all that an override has seen."""
    window = subject.metric, subject.end_us
    if each.kind is Kind.OVERRIDE:
        seen = [row for row in ledger if row.version <= each.version]
        return join_places(pane for row in seen for pane in row.panes if _touches(era, row, pane, window))
    own = [row for row in ledger if row.version == each.version]
    is_late = each.kind is Kind.CORRECTION
    return join_places(
        pane
        for row in own
        for pane in row.panes
        if _touches(era, row, pane, window) and (window in set(row.lost_windows(eras, pane))) is is_late
    )


def _touches(era: Era, row: LedgerRow, pane: Pane, window: tuple[str, int]) -> bool:
    return window in windows_of(era.spec, pane.pane, row.pane_ms * 1000)


def waiting(eras: Sequence[Era], subject: Subject, uncorrected: Iterable[LedgerRow]) -> dict[int, tuple[Place, ...]]:
    """The offsets of events that the window lost, or may have lost, in batches not corrected yet, by version."""
    window = subject.metric, subject.end_us
    found = {
        row.version: join_places(
            pane for pane in row.panes if window in {*row.lost_windows(eras, pane), *row.doubtful_windows(eras, pane)}
        )
        for row in uncorrected
    }
    return {version: places for version, places in found.items() if places}


def join_places(panes: Iterable[Pane]) -> tuple[Place, ...]:
    """Panes as one place a partition."""
    found: dict[int, Place] = {}
    for pane in panes:
        first, last, events = pane.first_offset, pane.last_offset, pane.events
        known = found.get(pane.partition)
        if known is not None:
            first, last = min(first, known.first_offset), max(last, known.last_offset)
            events += known.events
        found[pane.partition] = Place(pane.partition, first, last, events)
    return tuple(place for _, place in sorted(found.items()))


def differing(expected: Row | None, found: Row | None) -> tuple[str, ...]:
    """The columns in which the published row is not what its inputs give; `*` when one of the two is no row."""
    if expected is None or found is None:
        return () if expected is found else ("*",)
    return tuple(name for name, value in expected.items() if repr(found.get(name)) != repr(value))
