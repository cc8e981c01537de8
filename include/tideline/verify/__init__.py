"""Compares the published tables with a batch computation over the Kafka log, pinned at one ledgered batch.

The expected rows come from Kafka alone; the ledger only says how far to read and explains what is pending.
"""

from __future__ import annotations

from collections.abc import Callable

from tideline.home import Home
from tideline.ledger import Books, keep_books
from tideline.reconcile import deployed_spec
from tideline.tables.schemas import StreamTables
from tideline.verify.compare import compare, pending_windows
from tideline.verify.expected import compute_expected
from tideline.verify.report import VerifyReport
from tideline.verify.snapshot import take_snapshot


def verify_stream(
    home: Home, bootstrap: str, stream: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> VerifyReport:
    """Reads the whole log up to the pinned batch; `progress` gets records read and records to read."""
    spec = deployed_spec(home, stream)
    snapshot = take_snapshot(StreamTables(home.tables(stream)), spec)
    if snapshot is None:
        return VerifyReport(stream, None, {}, 0, 0, Books(0, 0, 0, 0, 0))
    expected = compute_expected(spec, bootstrap, snapshot.ledger, progress)
    pending = [row for row in snapshot.ledger if row.version not in snapshot.corrected]
    reports = {
        name: compare(name, rows, snapshot.published[name], pending_windows(spec, name, pending))
        for name, rows in expected.rows.items()
    }
    books = keep_books(spec, snapshot.ledger, snapshot.corrected)
    return VerifyReport(stream, snapshot.pinned, reports, expected.events, expected.rejected, books)
