"""What `tideline rejects` tells of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from tideline.dropped_share import Alarm, DroppedShare, dropped_alarm, dropped_share
from tideline.home import Home
from tideline.rejects import Reject, count_by_reason, newest_rejects
from tideline.stream_books import deployed_spec
from tideline.tables.books import read_ledger
from tideline.tables.schemas import StreamTables


@dataclass(frozen=True)
class RejectsReport:
    """Records read, rejects by reason, the newest, and what the watermark dropped."""

    records: int
    by_reason: dict[str, int]
    newest: list[Reject]
    dropped: DroppedShare
    alarm: Alarm | None


def report_rejects(home: Home, stream: str, limit: int, reason: str | None = None) -> RejectsReport:
    """The rejects of a deployed stream; shares are of all records in its ledger."""
    tables = StreamTables(home.tables(deployed_spec(home, stream).name))
    by_reason = count_by_reason(tables, reason)  # before the ledger: no batch has more rejects than records
    ledger = read_ledger(tables)
    return RejectsReport(
        sum(row.rows for row in ledger),
        by_reason,
        newest_rejects(tables, limit, reason),
        dropped_share(ledger),
        dropped_alarm(ledger),
    )
