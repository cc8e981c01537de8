"""Compares the published tables with a batch computation over the Kafka log, pinned at one ledgered batch.

The expected rows come from Kafka alone; the ledger only says how far to read and explains what is pending.
"""

from __future__ import annotations

from collections.abc import Callable

from tideline.engine.publish import published_schema
from tideline.home import Home
from tideline.kafka_io import topic_id
from tideline.ledger import Books, keep_books, require_same_topic
from tideline.reconcile import deployed_spec
from tideline.spec.model import StreamSpec
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables
from tideline.verify.compare import compare, pending_windows
from tideline.verify.expected import compute_expected
from tideline.verify.report import Kept, Log, VerifyReport
from tideline.verify.snapshot import take_snapshot


def verify_stream(
    home: Home, bootstrap: str, stream: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> VerifyReport:
    """Reads the whole log up to the pinned batch; `progress` gets records read and records to read."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    snapshot = take_snapshot(tables, spec)
    if snapshot is None:
        return _without_ledger(spec, tables)
    require_same_topic(snapshot.ledger, topic_id(bootstrap, spec.source.topic))
    expected = compute_expected(spec, bootstrap, snapshot.ledger, progress)
    pending = [row for row in snapshot.ledger if row.version not in snapshot.corrected]
    reports = {
        name: compare(name, rows, snapshot.published[name], pending_windows(spec, name, pending), snapshot.corrections)
        for name, rows in expected.rows.items()
    }
    books = keep_books(spec, snapshot.ledger, snapshot.corrected)
    kept = Kept(snapshot.hidden_events, snapshot.kept_rejects)
    return VerifyReport(stream, snapshot.pinned, reports, expected.log, kept, books)


def _without_ledger(spec: StreamSpec, tables: StreamTables) -> VerifyReport:
    """Before the first batch nothing may be published: any row is a difference."""
    reports = {
        name: compare(name, published_schema(spec, name).empty_table(), read_published(tables.published(name)))
        for name in spec.metrics
    }
    return VerifyReport(spec.name, None, reports, Log(), Kept(), Books(0, 0, 0, 0, 0))
