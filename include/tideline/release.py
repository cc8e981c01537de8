"""Lets corrections through that the gate held back, once a person says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.clock import now_ms
from tideline.engine.cells import GROUP
from tideline.engine.relations import restrict
from tideline.gate.suites import Validation
from tideline.generations import Era, with_horizon
from tideline.holds import Hold, Release
from tideline.home import Home
from tideline.horizon import expired_marks
from tideline.late_record import LateRecord
from tideline.logs.by_batch import log_corrections
from tideline.quarantine import MARK, NOTHING, Quarantine, load_quarantine
from tideline.stream_books import StreamBooks, deployed_spec
from tideline.tables.books import read_corrected, read_eras, read_rows
from tideline.tables.corrections import commit_corrections
from tideline.tables.erased import read_horizon
from tideline.tables.holds import commit_hold, commit_release, read_released
from tideline.tables.late_events import Outcome, read_late_events, tell_outcome
from tideline.tables.publication import Publication
from tideline.tables.schemas import StreamTables
from tideline.tables.unrecoverable import commit_unrecoverable, withhold
from tideline.troubles import Troubles
from tideline.unrecoverable import Unrecoverable

_OF_BATCH: Final = ("version", *GROUP)
"""What names a correction."""


@dataclass(frozen=True)
class ReleaseResult:
    """What a release did: corrections written, rows published again."""

    stream: str
    hold: int
    released_by: str
    corrections: int
    rows_published: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def hold_back(
    books: StreamBooks,
    corrections: pa.Table,
    why: Validation,
    late: LateRecord,
    run: str | None,
    marks: Sequence[Unrecoverable] = (),
) -> Hold | None:
    """Keeps corrections (`group_schema`) that the gate did not let through; None where another run holds them already.

    Late events come first, as before corrections: a run that is killed in between is repeated.
    """
    late.write(books.tables, Outcome.HELD, marks)
    hold = Hold(0, books.clock(), frozenset(), 0, 0, why.failures, why.page, run)
    return commit_hold(books.tables, corrections, hold)


def release_hold(
    home: Home, stream: str, number: int, by: str, run: str | None = None, clock: Callable[[], int] = now_ms
) -> ReleaseResult:
    """Publishes what a hold held back, in the name of the person who releases it; UserError when it holds nothing."""
    tables = StreamTables(home.tables(stream))
    eras, quarantine = read_eras(tables, deployed_spec(home, stream)), load_quarantine(home.stream(stream).quarantine)
    return release_in(tables, eras, number, Release(by, clock(), run), clock, quarantine)


def release_in(
    tables: StreamTables,
    eras: Sequence[Era],
    number: int,
    release: Release,
    clock: Callable[[], int],
    quarantine: Quarantine = NOTHING,
) -> ReleaseResult:
    """The same in a stream's tables."""
    stream = eras[-1].spec.name
    commit_release(tables, stream, number, release)
    written = carry_out_releases(tables, eras, clock, quarantine)
    troubles = Troubles(clock)
    published = Publication(tables, eras, attempt=troubles.attempt).publish_new()
    troubles.require_none(f"{stream}: {written} corrections are written")
    return ReleaseResult(stream, number, release.by, written, published)


def carry_out_releases(
    tables: StreamTables, eras: Sequence[Era], clock: Callable[[], int], quarantine: Quarantine = NOTHING
) -> int:
    """Writes the corrections of released holds that are not written yet; returns how many.

    What was held of windows that have expired since is marked instead. HorizonPassed where some expire meanwhile.
    """
    rows = read_released(tables, read_corrected(tables))
    if rows is None:
        return 0
    until_us = read_horizon(tables)
    if until_us is not None:
        held = read_rows(tables, pc.unique(rows["version"]).to_pylist())
        marks = expired_marks(held, with_horizon(eras, until_us))
        commit_unrecoverable(tables, marks)
        rows = withhold(rows, marks)
    versions = pc.unique(rows["version"]).to_pylist()
    rows = _without_listed(tables, rows, quarantine)
    written = commit_corrections(tables, rows, clock=clock)
    log_corrections(rows, "written, after their release")
    tell_outcome(tables, versions, Outcome.CORRECTED)
    return written


def _without_listed(tables: StreamTables, corrections: pa.Table, quarantine: Quarantine) -> pa.Table:
    """The corrections without those all of whose late events are on the list by now. One that has others too stands:
    its group is in the tables, so that a backfill of the window finds it."""
    if not quarantine.records:
        return corrections
    dropped = read_late_events(tables, pc.field("version").isin(pc.unique(corrections["version"])))
    events = quarantine.mark(dropped)
    others = events.filter(pc.invert(events[MARK]))
    only_listed = restrict(events.filter(events[MARK]), others, _OF_BATCH, present=False)
    return restrict(corrections, only_listed, _OF_BATCH, present=False)
