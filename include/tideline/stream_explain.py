"""Reads what `tideline.explain` folds: a group's inputs, their ledger rows, and its published row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.publish import Publisher
from tideline.explain import (
    Input,
    Kind,
    Place,
    Row,
    Step,
    Subject,
    differing,
    fold,
    inputs_in_order,
    place_of,
    places_of,
    replacements,
    waiting,
)
from tideline.generations import Era
from tideline.holds import waiting as waiting_holds
from tideline.horizon import Erasure
from tideline.ledger import LedgerRow
from tideline.subjects import unknown_group
from tideline.tables.books import read_corrected, read_inputs, read_last_row, read_ledger
from tideline.tables.erased import last_of, read_erasures
from tideline.tables.holds import read_holds
from tideline.tables.published import HOUR, hour_of, read_published
from tideline.tables.schemas import TIME, StreamTables
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.times import iso_us

_TRIES: Final = 20
_PAUSE_S: Final = 0.25


@dataclass(frozen=True)
class Explanation:
    """A group's steps; `left_out` older parts are in no step. `waits`: what was dropped and is not corrected yet;
    `held`: the numbers of the holds that keep back the corrections of some of these batches.

    `lost`: what was dropped and never can be, and why: Kafka no longer holds it, or the window had expired.
    """

    subject: Subject
    era: Era
    steps: tuple[Step, ...]
    left_out: int
    waits: dict[int, tuple[Place, ...]]
    held: dict[int, int]
    lost: tuple[tuple[int, Place, str], ...]
    expected: Row | None
    published: Row | None
    erased: Erasure | None = None
    """By which the inputs went, where the window has expired: then there are no steps, and nothing to compare."""

    @property
    def differs(self) -> tuple[str, ...]:
        """The columns in which the published row is not what its inputs give."""
        return () if self.erased else differing(self.expected, self.published)

    @property
    def columns(self) -> list[str]:
        """The published columns that hold numbers: measures, then what is derived from them."""
        metric = self.era.spec.metrics[self.subject.metric]
        return [*metric.measures, *metric.derived]

    def as_dict(self) -> dict[str, Any]:
        return {
            "metric": self.subject.metric,
            "window_start": iso_us(self.subject.start_us),
            "window_end": iso_us(self.subject.end_us),
            "key": json.loads(self.subject.key),
            "era": {"first": self.era.first, "last": self.era.last, "fingerprint": self.era.spec.fingerprint()},
            "steps": [self._step(step) for step in self.steps],
            "left_out": self.left_out,
            "waiting": [
                {
                    "batch": place_of(version),
                    "offsets": [asdict(place) for place in places],
                    "hold": self.held.get(version),
                }
                for version, places in sorted(self.waits.items())
            ],
            "lost": [
                {"batch": place_of(version), "offsets": [asdict(place)], "reason": reason}
                for version, place, reason in self.lost
            ],
            "expected": self.expected,
            "published": self.published,
            "differs": list(self.differs),
            "erased": None if self.erased is None else iso_us(self.erased.at_ms * 1000),
        }

    def _step(self, step: Step) -> dict[str, Any]:
        return {
            "input": step.input.kind.value,
            "batch": place_of(step.input.version),
            "recorded": iso_us(step.input.recorded_ms * 1000),
            "came": None if step.input.came_ms is None else iso_us(step.input.came_ms * 1000),
            "events": step.input.events,
            "counts": step.counts,
            "instead": step.instead,
            "offsets": [asdict(place) for place in step.places],
            "values": None if step.row is None else {name: step.row[name] for name in self.columns},
            "revision": None if step.row is None else step.row["revision"],
        }


def explain_group(
    tables: StreamTables,
    eras: Sequence[Era],
    subject: Subject,
    newest: int = 20,
    pause: Callable[[], None] = lambda: time.sleep(_PAUSE_S),
) -> Explanation:
    """Explains a group by the `newest` parts of each generation and all its corrections and overrides.

    A row that a running stream has not published yet is waited for. UserError for a group without any input.
    """
    for _ in range(_TRIES):
        found = _explain(tables, eras, subject, newest)
        if not found.differs:
            break
        pause()
    return found


def _explain(tables: StreamTables, eras: Sequence[Era], subject: Subject, newest: int) -> Explanation:
    era = next(era for era in eras if era.bounds.hold(subject.end_us))
    inputs = read_inputs(tables, era, _where(subject) & (pc.field("metric") == subject.metric))
    rows = read_published(
        tables.published(subject.metric), _where(subject) & (pc.field(HOUR) == hour_of(subject.start_us))
    )
    published = rows.to_pylist() if rows is not None else []
    last = read_last_row(tables)
    watermark_ms = era.watermark_ms(last)
    order = inputs_in_order(inputs)
    if not order and not published:
        raise unknown_group(tables, subject)
    shown = _shown(order, newest)
    ledger = _ledger(tables, order)
    instead, publisher = replacements(order), Publisher(era.spec, era.first_version)
    steps = tuple(
        Step(
            each,
            instead.get(each),
            places_of(era, eras, subject, each, ledger),
            fold(publisher, inputs, order[: number + 1], subject.metric, watermark_ms),
        )
        for number, each in enumerate(order)
        if each in shown
    )
    expected = steps[-1].row if steps else None
    waits = waiting(eras, subject, _uncorrected(tables, order))
    return Explanation(
        subject,
        era,
        steps,
        len(order) - len(steps),
        waits,
        _held(tables, waits),
        _lost(tables, subject, order),
        expected,
        published[0] if published else None,
        _erased(tables, era, subject),
    )


def _erased(tables: StreamTables, era: Era, subject: Subject) -> Erasure | None:
    """The first erasure after the window had expired; one under way is told as the last one, or as now."""
    if subject.end_us > era.expired_us:
        return None
    erasures = read_erasures(tables)
    under_way = replace(last_of(erasures), until_us=era.expired_us)
    return next((each for each in erasures if each.holds(subject.end_us)), under_way)


def _where(subject: Subject) -> pc.Expression:
    return (pc.field("window_end") == pa.scalar(subject.end_us, TIME)) & (pc.field("key") == subject.key)


def _shown(order: Sequence[Input], newest: int) -> frozenset[Input]:
    """All but the older parts of each generation: each of those was replaced by the next."""
    parts: dict[int, list[Input]] = {}
    for each in order:
        if each.kind is Kind.PART:
            parts.setdefault(each.version >> 32, []).append(each)
    hidden = {each for found in parts.values() for each in found[:-newest]}
    return frozenset(each for each in order if each not in hidden)


def _ledger(tables: StreamTables, order: Sequence[Input]) -> list[LedgerRow]:
    """The ledger rows of the inputs' batches; an override has seen every batch up to its own."""
    if not order:
        return []
    from_start = any(each.kind is Kind.OVERRIDE for each in order)
    first = -1 if from_start else min(each.version for each in order) - 1
    return read_ledger(tables, first)


def _uncorrected(tables: StreamTables, order: Sequence[Input]) -> list[LedgerRow]:
    """Batches that dropped something which is neither in corrections nor in the group's overrides."""
    corrected = read_corrected(tables)
    rows = read_ledger(tables, max(corrected.through, _seen(order)), late_only=True)
    return [row for row in rows if row.version not in corrected]


def _held(tables: StreamTables, waits: Collection[int]) -> dict[int, int]:
    """Those of the batches whose corrections the gate holds back, each with the number of its hold."""
    holds = waiting_holds(read_holds(tables)) if waits else []
    return {version: hold.number for hold in holds for version in hold.versions if version in waits}


def _lost(tables: StreamTables, subject: Subject, order: Sequence[Input]) -> tuple[tuple[int, Place, str], ...]:
    """What of the window is marked as unrecoverable, by batch, and in no override."""
    return tuple(
        (mark.version, Place(mark.partition, mark.start, mark.end - 1, mark.events), mark.reason)
        for mark in read_unrecoverable(tables)
        if (mark.metric, mark.window_end_us) == (subject.metric, subject.end_us) and mark.version > _seen(order)
    )


def _seen(order: Sequence[Input]) -> int:
    """The batch up to which an override holds every event; -1 without one."""
    return max((each.version for each in order if each.kind is Kind.OVERRIDE), default=-1)
