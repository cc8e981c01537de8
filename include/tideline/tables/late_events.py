"""The late events of a stream, each beside each window that lost it."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from tideline.engine.relations import restrict
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, exists, open_dataset, open_table, stamped
from tideline.tables.schemas import TIME, StreamTables, time_sql

LATE_EVENTS_WRITER: Final = "tideline-late-events"


class Outcome(StrEnum):
    """What became of a late event in the window that lost it."""

    CORRECTED = "corrected"
    HELD = "held"
    UNRECOVERABLE = "unrecoverable"


# `lateness_ms` is how far the event lay behind the greatest event time known to its batch: L(N) and the stream's
# smallest delay, less the event time in whole ms rounded down. It is the number to compare with a delay, and null
# while L(N) is 0.
LATE_EVENTS: Final = pa.schema(
    [
        ("event_time", TIME),
        ("lateness_ms", pa.int64()),
        ("metric", pa.string()),
        ("window_start", TIME),
        ("window_end", TIME),
        ("key", pa.string()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("batch", pa.int64()),
        ("generation", pa.int64()),
        ("version", pa.int64()),
        ("outcome", pa.string()),
        ("batch_at", TIME),
        ("alert_column", pa.string()),
        ("alert_key", pa.string()),
    ]
)


def late_event_rows(pairs: pa.Table, outcome: Outcome = Outcome.CORRECTED) -> pa.Table:
    """Late pairs (`engine.late_pairs`) as rows of the table."""
    rows = pairs.append_column("outcome", pa.repeat(pa.scalar(str(outcome)), len(pairs)))
    return rows.select(LATE_EVENTS.names).cast(LATE_EVENTS)


def commit_late_events(tables: StreamTables, rows: pa.Table) -> int:
    """Appends the rows of batches that have none yet, in one commit; returns how many. A batch's rows come together."""
    if not len(rows):
        return 0
    written = 0
    versions = pc.unique(rows["version"])

    def commit(table: DeltaTable) -> bool:
        nonlocal written
        known = dataset_of(tables.late_events, table).to_table(
            columns=["version"], filter=pc.field("version").isin(versions)
        )
        fresh = restrict(rows, known, ("version",), present=False)
        written = len(fresh)
        if written:
            properties = stamped(LATE_EVENTS_WRITER, table.version() + 1)
            write_deltalake(table, fresh, mode="append", schema_mode="merge", commit_properties=properties)
        return True

    open_table(tables.late_events, LATE_EVENTS, [])
    commit_on_fresh_handle(tables.late_events, commit)
    return written


def tell_outcome(tables: StreamTables, versions: Collection[int], outcome: Outcome) -> None:
    """Says what became of the late events of these batches that were held, or are now."""
    if not versions or not exists(tables.late_events):
        return
    other = Outcome.CORRECTED if outcome is Outcome.HELD else Outcome.HELD
    of_batches = f"outcome = '{other}' and version in ({', '.join(map(str, sorted(versions)))})"

    def commit(table: DeltaTable) -> None:
        table.update(
            updates={"outcome": f"'{outcome}'"},
            predicate=of_batches,
            commit_properties=stamped(LATE_EVENTS_WRITER, table.version() + 1),
        )

    commit_on_fresh_handle(tables.late_events, commit)


def tell_never(tables: StreamTables, windows: Collection[tuple[int, str, int]]) -> None:
    """Says of the late events of these windows (version, metric, end in us) that they are unrecoverable."""
    if not windows or not exists(tables.late_events):
        return
    of_windows = " or ".join(
        f"(version = {version} and metric = '{metric}' and window_end = {time_sql(end)})"
        for version, metric, end in sorted(windows)
    )

    def commit(table: DeltaTable) -> None:
        table.update(
            updates={"outcome": f"'{Outcome.UNRECOVERABLE}'"},
            predicate=of_windows,
            commit_properties=stamped(LATE_EVENTS_WRITER, table.version() + 1),
        )

    commit_on_fresh_handle(tables.late_events, commit)


def read_late_events(tables: StreamTables, where: pc.Expression | None = None) -> pa.Table:
    """The rows that satisfy `where`; none before the first is written."""
    if not exists(tables.late_events):
        return LATE_EVENTS.empty_table()
    rows = open_dataset(tables.late_events).to_table(filter=where)
    return rows.select(LATE_EVENTS.names).cast(LATE_EVENTS)


def of_alert_keys(column: str, keys: pa.Array, since_us: int, before_us: int) -> pc.Expression:
    """The rows of some values of an alert's column whose event time lies in [since_us, before_us)."""
    event_time = pc.field("event_time")
    in_time = (event_time >= pa.scalar(since_us, TIME)) & (event_time < pa.scalar(before_us, TIME))
    return (pc.field("alert_column") == column) & pc.field("alert_key").isin(keys) & in_time
