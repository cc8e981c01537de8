"""What `tideline rejects` tells of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from tideline.dropped_share import Alarm, DroppedShare, dropped_alarm, dropped_share
from tideline.errors import UserError
from tideline.home import Home
from tideline.quarantine import QUARANTINED
from tideline.rejects import Reject, count_by_reason, newest_rejects
from tideline.spec.model import Source
from tideline.spec.problems import did_you_mean
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


def require_reason(home: Home, stream: str, reason: str | None) -> None:
    """UserError for what nothing is ever rejected for; a reason that no record has had yet is one."""
    spec = deployed_spec(home, stream)
    known = reasons_of(spec.source)
    if reason is None or reason in known:
        return
    known |= set(count_by_reason(StreamTables(home.tables(spec.name))))  # those of an earlier spec
    if reason not in known:
        raise UserError(f"nothing is rejected for '{reason}'", did_you_mean(reason, known, "reasons are"))


def reasons_of(source: Source) -> set[str]:
    """All that a record of the source can be rejected for."""
    of_columns = {f"bad_{column}" for column in source.read_as.columns}
    whole = {"null_value", "too_long", "not_utf8", "malformed_json", "malformed_line", f"missing_{source.event_time}"}
    return {*whole, *of_columns, "bad_timestamp", "future_event", QUARANTINED}
