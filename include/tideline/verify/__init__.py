"""Compares the published tables with a batch computation over the Kafka log, pinned at one ledgered batch.

The expected rows come from Kafka alone; the ledger only says how far to read and explains what is pending.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from tideline.engine.publish import published_schema
from tideline.home import Home
from tideline.isolation import require_isolation
from tideline.kafka_io import topic_id
from tideline.lateness import Bounds
from tideline.ledger import Books, keep_books, require_same_topic
from tideline.quarantine import load_quarantine
from tideline.recompute import ReadRanges
from tideline.spec.model import StreamSpec
from tideline.stream_books import deployed_spec, reader
from tideline.tables.books import read_last_row
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables
from tideline.verify.compare import compare, pending_windows, revisions_of
from tideline.verify.expected import Expected, compute_expected, log_ranges
from tideline.verify.report import Kept, Log, MetricReport, VerifyReport, sum_reports
from tideline.verify.snapshot import Snapshot, take_snapshot


def verify_stream(
    home: Home, bootstrap: str, stream: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> VerifyReport:
    """Reads the whole log up to the pinned batch; `progress` gets records read and records to read."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    last = read_last_row(tables)
    require_same_topic([last] if last else [], topic_id(bootstrap, spec.source.topic))
    require_isolation([last] if last else [], spec.source.isolation)
    read = reader(bootstrap, spec, load_quarantine(home.stream(stream).quarantine))
    return verify_tables(tables, spec, read, progress)


def verify_tables(
    tables: StreamTables, spec: StreamSpec, read: ReadRanges, progress: Callable[[int, int], None] = lambda _d, _a: None
) -> VerifyReport:
    """Compares the tables of a stream with its log, as `read` gives it."""
    snapshot = take_snapshot(tables, spec)
    if snapshot is None:
        return _without_ledger(spec, tables)
    ranges = log_ranges(snapshot.ledger)
    total = sum(end - start for spans in ranges.values() for start, end in spans)
    expected = compute_expected(snapshot.eras, snapshot.pinned, read(ranges), lambda done: progress(done, total))
    books = keep_books(snapshot.eras, snapshot.ledger, snapshot.corrected)
    kept = Kept(snapshot.hidden_events, snapshot.kept_rejects)
    return VerifyReport(spec.name, snapshot.pinned, _compare_all(snapshot, expected), expected.log, kept, books)


def _compare_all(snapshot: Snapshot, expected: Expected) -> dict[str, MetricReport]:
    """Every metric of every era: each era's rows by its own spec, and none where its spec has no such metric."""
    pending = pending_windows(snapshot.eras, (row for row in snapshot.ledger if row.version not in snapshot.corrected))
    reports: dict[str, list[MetricReport]] = {name: [] for name in snapshot.published}
    for era, merged, rows in zip(snapshot.eras, snapshot.merged, expected.rows, strict=True):
        revisions = revisions_of(merged)
        for name, found in snapshot.published.items():
            own = None if found is None else _within(found, era.bounds)
            if name in rows:
                reports[name].append(compare(name, rows[name], own, pending, revisions))
            elif own is not None:
                reports[name].append(compare(name, own.slice(0, 0), own))
    return {name: sum_reports(found) for name, found in reports.items() if found}


def _within(rows: pa.Table, bounds: Bounds) -> pa.Table:
    ends = rows["window_end"].cast(pa.int64()).to_numpy()
    return rows.filter(pa.array((ends > bounds.after_us) & (ends <= bounds.until_us)))


def _without_ledger(spec: StreamSpec, tables: StreamTables) -> VerifyReport:
    """Before the first batch nothing may be published: any row is a difference."""
    reports = {
        name: compare(name, published_schema(spec, name).empty_table(), read_published(tables.published(name)))
        for name in spec.metrics
    }
    return VerifyReport(spec.name, None, reports, Log(), Kept(), Books(0, 0, 0, 0, 0))
