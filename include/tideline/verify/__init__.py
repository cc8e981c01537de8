"""Compares the published tables with a batch computation over the Kafka log, pinned at one ledgered batch.

The expected rows come from Kafka alone; the ledger only says how far to read and explains what is pending.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.publish import published_schema
from tideline.engine.relations import within
from tideline.generations import unexpired
from tideline.home import Home
from tideline.isolation import require_isolation
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import earliest_offsets, topic_id
from tideline.ledger import Books, keep_books, require_same_topic
from tideline.offset_ranges import OffsetRanges
from tideline.quarantine import NOTHING, Quarantine, load_quarantine
from tideline.recompute import ReadRanges, Window
from tideline.rejects import kept_outside
from tideline.spec.model import StreamSpec
from tideline.stream_books import deployed_spec, reader
from tideline.tables.books import read_last_row
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables
from tideline.unchecked import Countable, countable, unchecked
from tideline.unrecoverable import Earliest, holding_windows, lost_windows, with_unrecoverable
from tideline.verify.compare import compare, pending_windows, revisions_of
from tideline.verify.expected import Expected, compute_expected, log_ranges
from tideline.verify.report import Kept, Log, MetricReport, VerifyReport, sum_reports
from tideline.verify.snapshot import Snapshot, take_snapshot


def verify_stream(
    home: Home, kafka: KafkaAccess, stream: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> VerifyReport:
    """Reads the whole log up to the pinned batch; `progress` gets records read and records to read."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    last = read_last_row(tables)
    require_same_topic([last] if last else [], topic_id(kafka, spec.source.topic))
    require_isolation([last] if last else [], spec.source.isolation)
    quarantine = load_quarantine(home.stream(stream).quarantine)
    earliest = earliest_offsets(kafka, spec.source.topic)
    return verify_tables(tables, spec, reader(kafka, spec, quarantine), progress, quarantine, earliest)


def verify_tables(
    tables: StreamTables,
    spec: StreamSpec,
    read: ReadRanges,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    quarantine: Quarantine = NOTHING,
    earliest: Earliest = MappingProxyType({}),
) -> VerifyReport:
    """Compares the tables of a stream with its log, as `read` gives it from the `earliest` offsets on.

    Windows that lost an event to retention are counted as unchecked, and their batches' records are not counted.
    Windows that have expired are left out on all sides, and the books of erased batches are brought forward.
    """
    snapshot = take_snapshot(tables, spec)
    if snapshot is None:
        return _without_ledger(spec, tables)
    ranges = log_ranges(snapshot.ledger, earliest)
    total = sum(end - start for spans in ranges.values() for start, end in spans)
    gone = unexpired(snapshot.eras, unchecked(snapshot.ledger, earliest, holding_windows(snapshot.eras)).windows)
    whole = countable(snapshot.ledger, earliest)
    expected = compute_expected(
        snapshot.eras,
        snapshot.pinned,
        read(ranges),
        lambda done: progress(done, total),
        _counted(ranges, whole),
        gone,
        kept_outside(tables, ranges, snapshot.pinned.version, quarantine, snapshot.erased.last),
    )
    refused = frozenset(place for place in snapshot.refused if place[1] >= whole.starts.get(place[0], place[1] + 1))
    kept = Kept(whole.rows, whole.rejects, snapshot.hidden_events(gone), refused)
    reports = _compare_all(snapshot, expected, gone)
    books = _books(snapshot)
    return VerifyReport(
        spec.name,
        snapshot.pinned,
        reports,
        expected.log,
        kept,
        books,
        quarantine.records,
        len(gone),
        snapshot.expired,
    )


def _counted(ranges: OffsetRanges, whole: Countable) -> dict[int, int]:
    """From which offset on records are counted; of a partition without a whole batch none."""
    ends = {partition: spans[-1][1] for partition, spans in ranges.items()}
    return {partition: whole.starts.get(partition, end) for partition, end in ends.items()}


def _books(snapshot: Snapshot) -> Books:
    books = keep_books(snapshot.eras, snapshot.ledger, snapshot.corrected, snapshot.held)
    corrected = (row for row in snapshot.ledger if row.version in snapshot.corrected)
    return snapshot.erased.books + with_unrecoverable(books, corrected, snapshot.marks, lost_windows(snapshot.eras))


def _compare_all(snapshot: Snapshot, expected: Expected, gone: Set[Window]) -> dict[str, MetricReport]:
    """Every metric of every era: each era's rows by its own spec, and none where its spec has no such metric."""
    pending = pending_windows(snapshot.eras, (row for row in snapshot.ledger if row.version not in snapshot.corrected))
    reports: dict[str, list[MetricReport]] = {name: [] for name in snapshot.published}
    for era, merged, rows in zip(snapshot.eras, snapshot.merged, expected.rows, strict=True):
        revisions = revisions_of(merged)
        for name, found in snapshot.published.items():
            own = None if found is None else _checked(within(found, era.kept), name, gone)
            if name in rows:
                reports[name].append(compare(name, rows[name], own, pending, revisions))
            elif own is not None:
                reports[name].append(compare(name, own.slice(0, 0), own))
    return {name: sum_reports(found) for name, found in reports.items() if found}


def _checked(rows: pa.Table, metric: str, gone: Set[Window]) -> pa.Table:
    ends = pa.array([end for name, end in gone if name == metric], pa.int64())
    return rows.filter(pc.invert(pc.is_in(rows["window_end"].cast(pa.int64()), value_set=ends)))


def _without_ledger(spec: StreamSpec, tables: StreamTables) -> VerifyReport:
    """Before the first batch nothing may be published: any row is a difference."""
    reports = {
        name: compare(name, published_schema(spec, name).empty_table(), read_published(tables.published(name)))
        for name in spec.metrics
    }
    return VerifyReport(spec.name, None, reports, Log(), Kept(), Books(0, 0, 0, 0, 0))
