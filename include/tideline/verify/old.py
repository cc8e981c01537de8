"""Compares the published tables with a batch computation over the Kafka log, pinned at one ledgered batch.

The expected rows come from Kafka alone; the ledger only says how far to read and explains what is pending.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tideline.engine.cells import Engine, connect
from tideline.engine.publish import Publisher
from tideline.home import Home
from tideline.kafka_io import read_ranges
from tideline.lateness import extra_delay_us, is_dropped
from tideline.ledger import Books, LedgerRow, keep_books
from tideline.reconcile import deployed_spec
from tideline.reconcile_plan import Ranges, join_ranges
from tideline.spec.model import StreamSpec
from tideline.tables.books import corrected_versions, read_corrections, read_ledger, read_parts
from tideline.tables.published import read_published
from tideline.tables.schemas import TIME, StreamTables

_SHOWN = 20
_PIN_TRIES = 60
_VERSION_COLUMNS = frozenset({"day", "revision", "as_of", "part_version"})


@dataclass(frozen=True)
class Difference:
    """One published row that is not what the log says; `found` or `expected` is None where the row is missing."""

    metric: str
    window_start: str
    key: str
    column: str
    expected: str | None
    found: str | None


@dataclass(frozen=True)
class MetricReport:
    """One table: windows compared, unexplained differences, and rows that wait for a reconciliation."""

    windows: int
    differences: int
    pending: int
    shown: tuple[Difference, ...]


@dataclass(frozen=True)
class Snapshot:
    """What was compared: the published tables at the pinned batch, and the ledger up to it."""

    ledger: tuple[LedgerRow, ...]
    corrected: frozenset[int]
    published: dict[str, pa.Table | None]

    @property
    def pinned(self) -> LedgerRow:
        return self.ledger[-1]


@dataclass(frozen=True)
class VerifyReport:
    """The verdict on a stream's tables."""

    stream: str
    pinned: LedgerRow | None
    metrics: dict[str, MetricReport]
    events: int
    rejected: int
    books: Books

    @property
    def balanced(self) -> bool:
        """The log and the ledger count the same events, and the ledger's books balance."""
        return self.books.balanced and (self.books.sent, self.books.rejected) == (self.events, self.rejected)

    @property
    def holds(self) -> bool:
        return self.balanced and not any(report.differences for report in self.metrics.values())

    def as_dict(self) -> dict[str, Any]:
        pinned = {"generation": self.pinned.generation, "batch": self.pinned.batch} if self.pinned else None
        return {
            "stream": self.stream,
            "holds": self.holds,
            "pinned": pinned,
            "metrics": {
                name: {"windows": report.windows, "differences": report.differences, "pending": report.pending}
                for name, report in self.metrics.items()
            },
            "conservation": {
                "events": self.events,
                "counted": self.books.counted,
                "rejected": self.rejected,
                "late": self.books.late,
                "corrected": self.books.corrected,
                "holds": self.balanced,
            },
            "differences": [vars(difference) for r in self.metrics.values() for difference in r.shown],
        }


def verify_stream(
    home: Home, bootstrap: str, stream: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> VerifyReport:
    """Reads the whole log up to the pinned batch; `progress` gets records read and records to read."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    snapshot = take_snapshot(tables, spec)
    if snapshot is None:
        return VerifyReport(stream, None, {}, 0, 0, Books(0, 0, 0, 0, 0))
    events, rejected, cells = _compute(spec, bootstrap, log_ranges(snapshot.ledger), progress)
    publisher = Publisher(spec)
    expected = publisher.finish(publisher.merge(*_as_inputs(cells, tables, spec)), snapshot.pinned.watermark_ms)
    pending = [row for row in snapshot.ledger if row.version not in snapshot.corrected]
    reports = {
        name: compare(name, rows, snapshot.published[name], pending_windows(spec, name, pending))
        for name, rows in expected.items()
    }
    books = keep_books(spec, snapshot.ledger, snapshot.corrected)
    return VerifyReport(stream, snapshot.pinned, reports, events, rejected, books)


def take_snapshot(tables: StreamTables, spec: StreamSpec) -> Snapshot | None:
    """The published tables at a moment at which they hold the last ledgered batch and nothing newer."""
    for _ in range(_PIN_TRIES):
        before = read_ledger(tables)
        if not before:
            return None
        published = {name: read_published(tables.published(name)) for name in spec.metrics}
        corrected = corrected_versions(tables)
        after = read_ledger(tables)
        if before[-1].version == after[-1].version and _is_published(tables, spec, before[-1], published):
            break
        time.sleep(0.25)  # the driver is between a batch's commit and its publication
    return Snapshot(tuple(after), corrected, published)


def _is_published(
    tables: StreamTables, spec: StreamSpec, last: LedgerRow, published: dict[str, pa.Table | None]
) -> bool:
    """Whether every group of the last batch shows in its table."""
    import pyarrow.compute as pc

    parts = read_parts(tables, spec, pc.field("version") == last.version)
    for name in spec.metrics:
        rows = published[name]
        groups = len(parts.filter(pc.equal(parts["metric"], name)))
        shown = 0 if rows is None else len(rows.filter(pc.equal(rows["part_version"], last.version)))
        if shown < groups:
            return False
    return True


def log_ranges(ledger: tuple[LedgerRow, ...]) -> Ranges:
    """All offsets from the stream's first batch to the pinned one."""
    ranges = ((part.partition, part.start, part.end) for row in ledger for part in row.ranges)
    firsts: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for partition, start, end in ranges:
        firsts[partition] = min(start, firsts.get(partition, start))
        lasts[partition] = max(end, lasts.get(partition, end))
    return join_ranges((partition, firsts[partition], lasts[partition]) for partition in firsts)


def _compute(
    spec: StreamSpec, bootstrap: str, ranges: Ranges, progress: Callable[[int, int], None]
) -> tuple[int, int, pa.Table]:
    """Records, rejects and merged cells of the whole log."""
    engine = Engine(spec)
    total = sum(end - start for spans in ranges.values() for start, end in spans)
    events = rejected = 0
    merged: pa.Table | None = None
    for records in read_ranges(bootstrap, spec.source.topic, ranges):
        engine.load(records)
        cells = engine.cells().drop_columns(["ts", "drop_at"])
        merged = engine.merge(
            cells if merged is None else pa.concat_tables([merged, cells.select(merged.column_names)])
        )
        events += len(records)
        rejected += len(engine.rejects())
        progress(events, total)
    if merged is None:
        engine.load(_no_records())
        merged = engine.merge(engine.cells().drop_columns(["ts", "drop_at"]))
    return events, rejected, merged


def _no_records() -> pa.Table:
    from tideline.engine.cells import RECORDS

    return RECORDS.empty_table()


def _as_inputs(cells: pa.Table, tables: StreamTables, spec: StreamSpec) -> tuple[pa.Table, pa.Table]:
    """The cells as if one batch had brought them all, and no corrections."""
    count = len(cells)
    parts = cells.append_column("version", pa.repeat(pa.scalar(1, pa.int64()), count))
    parts = parts.append_column("batch_at", pa.repeat(pa.scalar(0, TIME), count))
    return parts, read_corrections(tables, spec).slice(0, 0)


def pending_windows(spec: StreamSpec, name: str, rows: list[LedgerRow]) -> frozenset[int]:
    """Starts (us) of a metric's windows that lost events in batches which are not corrected yet."""
    metric, extra = spec.metrics[name], extra_delay_us(spec, name)
    window, slide = metric.window * 1000, metric.slide_ms * 1000
    return frozenset(
        end - window
        for row in rows
        for pane in row.late_panes(spec)
        for end in range((pane.pane // slide + 1) * slide, pane.pane // slide * slide + window + 1, slide)
        if is_dropped(end + extra, row.late_ms)
    )


def compare(name: str, expected: pa.Table, found: pa.Table | None, pending: frozenset[int]) -> MetricReport:
    """Full outer comparison of a metric's rows, column by column, to the last bit."""
    connection = connect()
    connection.register("expected", expected)
    connection.register("found", expected.slice(0, 0) if found is None else found)
    connection.execute(
        "create temp table pending as select unnest($starts)::bigint as start", {"starts": list(pending)}
    )
    columns = [column for column in expected.column_names if column not in _VERSION_COLUMNS]
    values = [column for column in columns if column not in ("window_start", "key")]
    unequal = " or ".join(f"e.{column} is distinct from f.{column}" for column in values)
    connection.execute(
        f"""create temp table differing as
            select coalesce(e.window_start, f.window_start) as window_start, coalesce(e.key, f.key) as key,
              e.window_start is null as surplus, f.window_start is null as missing,
              {", ".join(f"e.{c}::varchar as e_{c}, f.{c}::varchar as f_{c}" for c in values)},
              epoch_us(coalesce(e.window_start, f.window_start)) in (select start from pending) as is_pending
            from expected e full join found f using (window_start, key)
            where e.window_start is null or f.window_start is null or {unequal}"""
    )
    counts = connection.sql(
        "select count(*) filter (where not is_pending), count(*) filter (where is_pending) from differing"
    ).fetchall()[0]
    shown = connection.sql(
        f"select * from differing where not is_pending order by window_start, key limit {_SHOWN}"
    ).to_arrow_table()
    differences = tuple(d for row in shown.to_pylist() for d in _describe(name, row, values))
    return MetricReport(len(expected), counts[0], counts[1], differences)


def _describe(name: str, row: dict[str, Any], values: list[str]) -> list[Difference]:
    at, key = row["window_start"].isoformat(), row["key"]
    if row["missing"] or row["surplus"]:
        found = None if row["missing"] else "a row"
        return [Difference(name, at, key, "*", None if found else "a row", found)]
    return [
        Difference(name, at, key, column, row[f"e_{column}"], row[f"f_{column}"])
        for column in values
        if row[f"e_{column}"] != row[f"f_{column}"]
    ]
