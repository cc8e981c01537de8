"""The table `anomalies`: a row a detector, window and key, revised when the window is judged again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from tideline.anomalies import ANOMALIES, Judgement, Moment, revise
from tideline.tables.delta import (
    commit_on_fresh_handle,
    dataset_of,
    exists,
    last_version,
    open_dataset,
    open_table,
    stamped,
)
from tideline.tables.schemas import TIME, StreamTables

ANOMALIES_WRITER: Final = "tideline-anomalies"
_DETECTORS: Final = "tideline-detectors"
"""The transaction that tells by which detectors all closed windows were judged."""
_BEHIND: Final = "tideline-detector-{}"
_CAUGHT_UP: Final = "tideline-detector-{}-caught-up"
"""The transactions of a detector: how often it was asked to judge all windows again, and the last request it met."""
_UNJUDGED: Final = "unjudged"
_IDENTITY: Final = ("kind", "metric", "window_end", "key")
_ROUNDS: Final = 20


def commit_anomalies(tables: StreamTables, judge: Callable[[], Sequence[Judgement]], now: Moment) -> int:
    """Revises the anomalies that `judge` speaks of; returns the rows that changed.

    `judge` reads the published tables, and is asked again until nothing changes: one who found nothing to write leaves
    no trace, so a row may have changed between the reading and the commit.
    """

    def commit(table: DeltaTable) -> int:
        judgements = judge()
        changed = [row for each in judgements for row in revise(_known(tables, table, each), each, now)]
        if changed:
            _merge(table, changed)
        return len(changed)

    open_table(tables.anomalies, ANOMALIES, [])
    total = 0
    for _ in range(_ROUNDS):
        changed = commit_on_fresh_handle(tables.anomalies, commit)
        total += changed
        if not changed:
            return total
    raise RuntimeError(f"the anomalies under {tables.root} still changed after {_ROUNDS} rounds")


def judged_by(tables: StreamTables) -> int | None:
    """The mark of the detectors that have judged all windows; None when nothing was marked."""
    return last_version(tables.anomalies, _DETECTORS)


def mark_judged(tables: StreamTables, mark: int) -> None:
    """Records by which detectors all windows are judged."""

    def commit(table: DeltaTable) -> None:
        write_deltalake(table, ANOMALIES.empty_table(), mode="append", commit_properties=stamped(_DETECTORS, mark))

    open_table(tables.anomalies, ANOMALIES, [])
    commit_on_fresh_handle(tables.anomalies, commit)


def detectors_behind(tables: StreamTables, kinds: Sequence[str]) -> dict[str, int]:
    """Those of these detectors that have windows to judge again, each with the number of the request for it."""
    if not kinds or not exists(tables.anomalies):
        return {}
    table = DeltaTable(str(tables.anomalies))
    asked = {kind: table.transaction_version(_BEHIND.format(kind)) or 0 for kind in kinds}
    return {kind: at for kind, at in asked.items() if at > (table.transaction_version(_CAUGHT_UP.format(kind)) or 0)}


def mark_behind(tables: StreamTables, kinds: Set[str]) -> None:
    """Records that these detectors have windows to judge again."""
    writers = [_BEHIND.format(kind) for kind in kinds]
    _mark(tables, lambda table: {writer: (table.transaction_version(writer) or 0) + 1 for writer in writers})


def mark_caught_up(tables: StreamTables, requests: Mapping[str, int]) -> None:
    """Records that these requests were met; who was told of a failure since has made a later one."""
    _mark(tables, lambda _: {_CAUGHT_UP.format(kind): at for kind, at in requests.items()})


def _mark(tables: StreamTables, marks: Callable[[DeltaTable], Mapping[str, int]]) -> None:
    def commit(table: DeltaTable) -> None:
        wanted = [Transaction(writer, at) for writer, at in marks(table).items()]
        if wanted:
            properties = CommitProperties(app_transactions=wanted, max_commit_retries=0)
            write_deltalake(table, ANOMALIES.empty_table(), mode="append", commit_properties=properties)

    open_table(tables.anomalies, ANOMALIES, [])
    commit_on_fresh_handle(tables.anomalies, commit)


def note_unjudged(tables: StreamTables) -> None:
    """Remembers, beside the table that cannot be written, that windows were not judged."""
    tables.root.mkdir(parents=True, exist_ok=True)
    (tables.root / _UNJUDGED).touch()


def take_unjudged(tables: StreamTables, take: Callable[[], None]) -> None:
    """Takes the note, if there is one; it is gone when `take` returns, and one that is made meanwhile stays."""
    note, taken = tables.root / _UNJUDGED, tables.root / f"{_UNJUDGED}-taken"
    with suppress(FileNotFoundError):
        note.replace(taken)
    if taken.exists():
        take()
        taken.unlink()


def read_anomalies(tables: StreamTables, raised_only: bool = False) -> pa.Table:
    """All anomalies, newest window first; those withdrawn too unless told not."""
    if not exists(tables.anomalies):
        return ANOMALIES.empty_table()
    where = pc.field("withdrawn_at").is_null() if raised_only else None
    rows = open_dataset(tables.anomalies).to_table(filter=where).select(ANOMALIES.names).cast(ANOMALIES)
    return rows.sort_by([("window_end", "descending"), ("kind", "ascending"), ("key", "ascending")])


def _known(tables: StreamTables, table: DeltaTable, judgement: Judgement) -> list[dict[str, Any]]:
    if not judgement.judged:
        return []
    ends = pa.array(sorted({end for end, _ in judgement.judged}), pa.int64()).cast(TIME)
    found = dataset_of(tables.anomalies, table).to_table(filter=pc.field("window_end").isin(ends))
    rows = found.select(ANOMALIES.names).cast(ANOMALIES)  # after a merge a text may be of another Arrow type
    own = pc.and_(pc.equal(rows["kind"], judgement.kind), pc.equal(rows["metric"], judgement.metric))
    return in_microseconds(rows.filter(own))


def in_microseconds(rows: pa.Table) -> list[dict[str, Any]]:
    """The rows with times as whole microseconds."""
    fields = [pa.field(field.name, pa.int64() if field.type == TIME else field.type) for field in rows.schema]
    found: list[dict[str, Any]] = rows.cast(pa.schema(fields)).to_pylist()
    return found


def _merge(table: DeltaTable, changed: list[dict[str, Any]]) -> None:
    names = ANOMALIES.names
    columns = [pa.array([row[name] for row in changed], _plain(ANOMALIES.field(name).type)) for name in names]
    rows = pa.table(
        [column.cast(ANOMALIES.field(name).type) for name, column in zip(names, columns, strict=True)], names
    )
    (
        table.merge(
            rows,
            " and ".join(f"t.{column} = s.{column}" for column in _IDENTITY),
            source_alias="s",
            target_alias="t",
            streamed_exec=False,
            commit_properties=stamped(ANOMALIES_WRITER, table.version() + 1),
        )
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if kind == TIME else kind
