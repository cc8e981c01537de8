"""The published tables at one moment, pinned at a ledgered batch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import connect
from tideline.engine.publish import Publisher
from tideline.errors import UserError
from tideline.generations import Era
from tideline.holds import held_versions
from tideline.horizon import NOTHING_ERASED, NOTHING_US, Erasure
from tideline.lateness import extra_delay_us
from tideline.ledger import Corrected, LedgerRow
from tideline.quarantine import Record
from tideline.recompute import Window
from tideline.rejects import rejected_until
from tideline.spec.model import StreamSpec
from tideline.tables.books import ledger_of, read_corrected, read_eras, read_inputs
from tideline.tables.delta import exists, last_version, open_dataset
from tideline.tables.erased import erasure_number, erasures_of, last_of, read_horizon
from tideline.tables.holds import read_holds
from tideline.tables.published import read_all_published
from tideline.tables.schemas import CORRECTIONS_WRITER, OVERRIDES_WRITER, PARTS_WRITER, TIME, StreamTables
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.times import iso_us
from tideline.unrecoverable import Unrecoverable
from tideline.verify.expected import without_windows
from tideline.verify.report import NONE_EXPIRED, Expired

_PIN_TRIES = 120
_PIN_PAUSE_S = 0.25


@dataclass(frozen=True)
class Snapshot:
    """What is compared: the tables as they were when they held the pinned batch and nothing newer.

    `merged` has each era's groups, in the order of `eras`, merged from their inputs.
    """

    eras: tuple[Era, ...]
    ledger: tuple[LedgerRow, ...]
    merged: tuple[pa.Table, ...]
    published: dict[str, pa.Table | None]
    corrected: Corrected
    refused: frozenset[Record]
    marks: tuple[Unrecoverable, ...]
    erased: Erasure
    held: frozenset[int]
    """The batches whose corrections wait at the gate."""

    @property
    def expired(self) -> Expired:
        """The published windows that are left out."""
        until_us = self.eras[-1].expired_us
        if until_us == NOTHING_US:
            return NONE_EXPIRED
        ends = (rows["window_end"].cast(pa.int64()) for rows in self.published.values() if rows is not None)
        count = sum(len(pc.unique(each.filter(pc.less_equal(each, until_us)))) for each in ends)
        return Expired(count, iso_us(until_us))

    @property
    def pinned(self) -> LedgerRow:
        return self.ledger[-1]

    def hidden_events(self, without: Set[Window] = frozenset()) -> int:
        """The (event, window) pairs that the published rows are made from, but for those of some windows."""
        kept = (without_windows(groups, without) for groups in self.merged)
        return sum(pc.sum(groups["events"]).as_py() or 0 for groups in kept)


def take_snapshot(tables: StreamTables, spec: StreamSpec) -> Snapshot | None:
    """Reads the tables at a moment at which nobody is between a commit and its publication; None before a batch.

    A publication that a dead writer left out is no such moment: after the tries it is compared as it is, and differs.
    """
    for attempt in range(_PIN_TRIES):
        before = _inputs(tables)
        eras, (erased, ledger) = read_eras(tables, spec), _ledger(tables)
        if not ledger:
            return None
        merged = tuple(merge_inputs(tables, era) for era in eras)
        held = held_versions(read_holds(tables))
        corrected = read_corrected(tables)
        published = read_all_published(tables, sorted({name for era in eras for name in era.spec.metrics}))
        refused = rejected_until(tables, ledger[-1].version, erased.last)
        marks = read_unrecoverable(tables)
        is_pinned = before == _inputs(tables)
        if is_pinned and is_published(eras, merged, published, ledger[-1]):
            break
        if attempt + 1 < _PIN_TRIES:
            time.sleep(_PIN_PAUSE_S)
    if not is_pinned:
        raise UserError(f"the tables of '{spec.name}' change faster than they can be read", "verify again, or stop it")
    return Snapshot(eras, ledger, merged, published, corrected, refused, marks, erased, held)


def _ledger(tables: StreamTables) -> tuple[Erasure, tuple[LedgerRow, ...]]:
    """What is erased and what is there, by one look."""
    if not exists(tables.parts):
        return NOTHING_ERASED, ()
    parts = open_dataset(tables.parts)
    return last_of(erasures_of(parts)), tuple(ledger_of(parts))


def merge_inputs(tables: StreamTables, era: Era) -> pa.Table:
    """All groups of an era's windows, merged from their inputs."""
    inputs = read_inputs(tables, era)
    return Publisher(era.spec, era.first_version).merge(inputs.parts, inputs.corrections, inputs.overrides)


def _inputs(tables: StreamTables) -> tuple[int | None, ...]:
    """What changes when a batch, a correction or an override is committed, or something is erased."""
    writers = {
        tables.parts: PARTS_WRITER,
        tables.corrections: CORRECTIONS_WRITER,
        tables.overrides: OVERRIDES_WRITER,
    }
    written = (last_version(path, writer) for path, writer in writers.items())
    return (*written, read_horizon(tables), erasure_number(tables))


def is_published(
    eras: tuple[Era, ...], merged: tuple[pa.Table, ...], published: Mapping[str, pa.Table | None], last: LedgerRow
) -> bool:
    """Whether every group's row is made from its newest inputs, and what is closed is closed."""
    return all(
        _shows(published.get(name), groups.filter(pc.equal(groups["metric"], name)), era, name, last)
        for era, groups in zip(eras, merged, strict=True)
        for name in era.spec.metrics
    )


def _shows(rows: pa.Table | None, groups: pa.Table, era: Era, name: str, last: LedgerRow) -> bool:
    held = groups.filter(pc.greater(groups["events"], 0))
    if rows is None:
        return not len(held)
    connection = connect()
    connection.register("groups", held)
    connection.register("found", rows)
    behind = connection.sql(
        """select count(*) from groups left join found using (window_end, key)
           where coalesce(found.part_version, -1) < groups.part_version
             or coalesce(found.revision, -1) < groups.revision"""
    ).fetchall()[0][0]
    ends = rows["window_end"].cast(pa.int64())
    own = pc.and_(pc.greater(ends, era.bounds.after_us), pc.less_equal(ends, era.bounds.until_us))
    limit = pa.scalar(era.watermark_ms(last) * 1000 - extra_delay_us(era.spec, name), TIME)
    left_open = pc.and_(own, pc.and_(rows["is_open"], pc.less_equal(rows["window_end"], limit)))
    return not behind and not pc.any(left_open).as_py()
