"""Erases what expired windows were made of, while others read and write. Each step can be repeated, and killed.

1. The horizon moves in `parts`: from then on every look at the tables leaves expired windows out.
2. `corrections` and `overrides` have it: whoever planned before is refused.
3. What the windows between lack is published; then the published tables have it: their rows stay as they are.
4. Corrections, overrides and parts of expired windows go.
5. The leading ledger rows that nothing needs go, and their sums are recorded, in one commit; then their batches'
   rejects and late events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.publish import Publisher
from tideline.errors import Refused
from tideline.gaps import Gap, find_gaps
from tideline.generations import Era, metric_names, with_horizon, within_eras
from tideline.horizon import NOTHING_US, Evidence, Horizon, decide_horizon, erasable_prefix
from tideline.ledger import Books, LedgerRow, keep_books
from tideline.rejects import rejected_ends
from tideline.spec.model import StreamSpec
from tideline.tables.books import (
    read_corrected,
    read_cuts,
    read_eras,
    read_inputs,
    read_last_row,
    read_ledger,
    read_rows,
    read_versions,
)
from tideline.tables.delta import exists, last_version, open_dataset, open_table
from tideline.tables.erased import (
    HORIZON,
    delete_rows,
    erase_ledger,
    move_horizon,
    read_erased,
    stamp_horizon,
)
from tideline.tables.holds import CORRECTION_KIND
from tideline.tables.lost_ends import find_lost_ends
from tideline.tables.publication import Publication
from tideline.tables.published import read_published
from tideline.tables.schemas import PART_KIND, TIME, StreamTables, correction_schema, time_sql
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.times import iso_us
from tideline.unrecoverable import lost_windows, with_unrecoverable
from tideline.verify.snapshot import is_published
from tideline.versions import version_of

ROWS_AT_ONCE: Final = 20_000
"""Ledger rows looked at, and erased, in one commit."""
_DAY_US: Final = timedelta(days=1) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Place:
    """Where a stream is looked at: its tables and spec, its newest generation's last commit by its checkpoint (None
    where that is not known), and the time."""

    tables: StreamTables
    spec: StreamSpec
    committed: int | None
    now: int

    @property
    def recorded_until(self) -> int:
        """What was recorded later (ms) is kept, however old its events are."""
        return self.now - (self.spec.keep or 0)


@dataclass(frozen=True)
class Removed:
    """Rows that are gone, by table; `batches` are ledger rows."""

    batches: int = 0
    rows: dict[str, int] = field(default_factory=dict)


def look(place: Place) -> Horizon:
    """The horizon as it would be now; nothing is written. `NOTHING_US` where nothing expires."""
    return _decide(place, _evidence(place))


def _decide(place: Place, evidence: Evidence) -> Horizon:
    before_us = evidence.eras[-1].expired_us
    if place.spec.keep is None:
        return Horizon(before_us, ("the spec has no `keep`: nothing is erased",))
    return decide_horizon(evidence, place.now, place.spec.keep, before_us)


def _evidence(place: Place) -> Evidence:
    tables = place.tables
    cuts, eras, last = read_cuts(tables), read_eras(tables, place.spec), read_last_row(tables)
    newest = cuts[-1].generation if cuts else 1
    waiting = read_ledger(tables, read_corrected(tables).through, late_only=True)
    versions, erased = read_versions(tables), read_erased(tables)
    gaps = [
        *find_gaps(versions, newest, place.committed, erased.last),
        *find_lost_ends(tables, cuts, versions, erased.boundary),
    ]
    young = [gap for gap in gaps if _is_young(tables, gap, versions, place.recorded_until)]
    return Evidence(eras, newest, last, within_eras(eras, waiting), young)


def _is_young(tables: StreamTables, gap: Gap, versions: Iterable[int], recorded_until: int) -> bool:
    """Whether the batch after a gap was recorded later, or there is none: then it may still be closed."""
    after = min((each for each in versions if each > version_of(gap.generation, gap.last)), default=None)
    rows = [] if after is None else read_rows(tables, [after])
    return not rows or rows[0].batch_at_ms > recorded_until


def erase(place: Place, step: Callable[[str], None] = lambda _: None) -> tuple[Horizon, Removed]:
    """Erases what has expired; what a killed run has left too. `step` is called before each commit, with its name.

    Refused where a table does not show what it would be frozen as: nothing is erased then.
    """
    evidence = _evidence(place)
    horizon = _decide(place, evidence)
    if place.spec.keep is None or horizon.until_us == NOTHING_US:
        return horizon, Removed()
    tables, until_us = place.tables, horizon.until_us
    step("horizon")
    if not move_horizon(tables, until_us, evidence.newest):
        return Horizon(evidence.eras[-1].expired_us, ("a generation began meanwhile",)), Removed()
    for path in (tables.corrections, tables.overrides):
        step(f"{path.name} closed")
        open_table(path, correction_schema([]), [])
        stamp_horizon(path, until_us)
    eras = read_eras(tables, place.spec)
    paths = [path for path in map(tables.published, _metrics(tables, place.spec)) if exists(path)]
    _require_shown(tables, eras, min((_frozen_us(path) for path in paths), default=until_us), until_us)
    for path in paths:
        step(f"{path.name} frozen")
        stamp_horizon(path, until_us)
    removed = _delete(_inputs(tables, until_us), step)
    before = read_erased(tables).last
    batches = _erase_ledger(place, eras, step)
    removed |= _delete(_beside(tables, read_erased(tables).last, before), step)
    return horizon, Removed(batches, {name: count for name, count in removed.items() if count})


def _metrics(tables: StreamTables, spec: StreamSpec) -> list[str]:
    return sorted({*metric_names(read_cuts(tables)), *spec.metrics})


def _frozen_us(path: Path) -> int:
    known = last_version(path, HORIZON)
    return NOTHING_US if known is None else known


def _require_shown(tables: StreamTables, eras: Sequence[Era], after_us: int, until_us: int) -> None:
    """Publishes what the tables lack of windows that end in (after, until] us; nobody can once their inputs are gone.

    A writer that was killed may have left it, and one may be between its commit and its publication.
    """
    computable = with_horizon(eras, after_us)
    last = read_last_row(tables)
    if last is None:
        return
    for since, until in _days(tables, after_us, until_us):
        where = _between(since, until)
        if _is_shown(tables, computable, where, last):
            continue
        groups = [table.select(["metric", "window_end", "key"]) for table in _merged(tables, computable, where)]
        Publication(tables, computable).publish(pa.concat_tables(groups))
        if not _is_shown(tables, computable, where, last):
            raise Refused(
                f"{tables.root.name}: the published rows of windows that end from {iso_us(since)} to {iso_us(until)} "
                "are not what their inputs give, and would stay so",
                f"see `tideline verify {tables.root.name}`, and compute them again by `tideline backfill`",
            )


def _is_shown(tables: StreamTables, eras: Sequence[Era], where: pc.Expression, last: LedgerRow) -> bool:
    names = sorted({name for era in eras for name in era.spec.metrics})
    published = {name: read_published(tables.published(name), where) for name in names}
    return is_published(tuple(eras), tuple(_merged(tables, eras, where)), published, last)


def _merged(tables: StreamTables, eras: Sequence[Era], where: pc.Expression) -> list[pa.Table]:
    found = []
    for era in eras:
        inputs = read_inputs(tables, era, where)
        publisher = Publisher(era.spec, era.first_version)
        found.append(publisher.merge(inputs.parts, inputs.corrections, inputs.overrides))
    return found


def _between(after_us: int, until_us: int) -> pc.Expression:
    ends = pc.field("window_end")
    return (ends > pa.scalar(after_us, TIME)) & (ends <= pa.scalar(until_us, TIME))


def _days(tables: StreamTables, after_us: int, until_us: int) -> Iterator[tuple[int, int]]:
    """The days, cut to (after, until], in which windows end that have inputs."""
    expired = _between(after_us, until_us)
    days: set[int] = set()
    for path in (tables.parts, tables.corrections, tables.overrides):
        for batch in open_dataset(path).scanner(columns=["window_end"], filter=expired).to_batches():
            ends = pc.unique(batch["window_end"]).cast(pa.int64()).to_pylist()
            days |= {-(-end // _DAY_US) for end in ends}
    for day in sorted(days):
        yield max(after_us, (day - 1) * _DAY_US), min(until_us, day * _DAY_US)


@dataclass(frozen=True)
class _Deletion:
    """Rows that go, as delta-rs and as Arrow say it."""

    path: Path
    sql: str
    where: pc.Expression

    @property
    def rows(self) -> int:
        return open_dataset(self.path).count_rows(filter=self.where) if exists(self.path) else 0


def _inputs(tables: StreamTables, until_us: int) -> list[_Deletion]:
    """Of corrections only those of batches that are known to be dealt with without them."""
    through = read_corrected(tables).through
    sql, where = f"window_end <= {time_sql(until_us)}", pc.field("window_end") <= pa.scalar(until_us, TIME)
    settled_sql, settled = f"{sql} and version <= {through}", where & (pc.field("version") <= through)
    is_held, is_part = (pc.field("kind") == kind for kind in (CORRECTION_KIND, PART_KIND))
    return [
        _Deletion(tables.corrections, settled_sql, settled),
        _Deletion(tables.overrides, sql, where),
        _Deletion(tables.held, f"kind = '{CORRECTION_KIND}' and {settled_sql}", is_held & settled),
        _Deletion(tables.parts, f"kind = '{PART_KIND}' and {sql}", is_part & where),
    ]


def _beside(tables: StreamTables, last: int, before: int) -> list[_Deletion]:
    """What erased batches left in other tables; marks one erasure later, for who reads the ledger at this moment."""
    return [
        _Deletion(path, f"version <= {until}", pc.field("version") <= until)
        for path, until in ((tables.rejects, last), (tables.late_events, last), (tables.unrecoverable, before))
    ]


def _delete(deletions: Iterable[_Deletion], step: Callable[[str], None]) -> dict[str, int]:
    """Rows deleted, by table."""
    removed = {}
    for each in deletions:
        step(f"{each.path.name} deleted")
        removed[each.path.name] = delete_rows(each.path, each.sql)
    return removed


def preview(place: Place) -> tuple[Horizon, Removed]:
    """What `erase` would do now: nothing is written."""
    horizon = look(place)
    if place.spec.keep is None or horizon.until_us == NOTHING_US:
        return horizon, Removed()
    tables = place.tables
    eras, before = with_horizon(read_eras(tables, place.spec), horizon.until_us), read_erased(tables).last
    last, batches = before, 0
    while prefix := _prefix(place, eras, last):
        last, batches = prefix[-1].version, batches + len(prefix)
    deletions = [*_inputs(tables, horizon.until_us), *_beside(tables, last, before)]
    rows = {each.path.name: each.rows for each in deletions}
    return horizon, Removed(batches, {name: count for name, count in rows.items() if count})


def _prefix(place: Place, eras: Sequence[Era], after: int) -> list[LedgerRow]:
    """The ledger rows above a version that go next; the last row stays."""
    tables = place.tables
    versions = read_versions(tables, after)[:-1][:ROWS_AT_ONCE]
    if not versions:
        return []
    rows, through = read_rows(tables, versions), read_corrected(tables).through
    rejected = rejected_ends(tables, eras, after, versions[-1])
    return erasable_prefix(rows, eras, eras[-1].expired_us, place.recorded_until, through, rejected)


def _erase_ledger(place: Place, eras: Sequence[Era], step: Callable[[str], None]) -> int:
    """Ledger rows erased, so many at once."""
    tables = place.tables
    marks, lost = read_unrecoverable(tables), lost_windows(eras)

    def books_of(rows: Sequence[LedgerRow]) -> Books:
        dealt_with = range(rows[0].version, rows[-1].version + 1)
        return with_unrecoverable(keep_books(eras, rows, dealt_with), rows, marks, lost)

    batches = 0
    while True:
        prefix = _prefix(place, eras, read_erased(tables).last)
        step("ledger erased")
        batches += erase_ledger(tables, prefix, eras[-1].expired_us, place.now, books_of)
        if not prefix:
            return batches
