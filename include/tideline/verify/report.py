"""The verdict of a verification, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from tideline.ledger import Books, LedgerRow
from tideline.quarantine import Record


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
    """One table: windows and rows compared, unexplained differences, and rows that wait for a reconciliation."""

    windows: int
    rows: int
    differences: int
    pending: int
    shown: tuple[Difference, ...]

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("windows", "rows", "differences", "pending")}


def pinned_as_dict(pinned: LedgerRow | None) -> dict[str, int] | None:
    """The batch a verification is pinned at; None before the first."""
    return {"generation": pinned.generation, "batch": pinned.batch} if pinned else None


def sum_reports(reports: Sequence[MetricReport]) -> MetricReport:
    """The reports of one table's eras as one."""
    return MetricReport(
        sum(report.windows for report in reports),
        sum(report.rows for report in reports),
        sum(report.differences for report in reports),
        sum(report.pending for report in reports),
        tuple(difference for report in reports for difference in report.shown),
    )


@dataclass(frozen=True)
class Log:
    """What Kafka alone says: records, those that are no events, and how many windows the events belong to.

    Records are of batches that are there whole, pairs of windows that are.
    """

    events: int = 0
    refused: frozenset[Record] = frozenset()
    pairs: int = 0

    @property
    def rejected(self) -> int:
        return len(self.refused)


@dataclass(frozen=True)
class Kept:
    """What ledger and tables say of the same: records and rejects by the ledger, pairs, and the rejects kept."""

    events: int = 0
    rejected: int = 0
    pairs: int = 0
    refused: frozenset[Record] = frozenset()


@dataclass(frozen=True)
class Expired:
    """Published windows that end up to `until` (a time in words, None where none have) and that nothing is left of to
    check: they stay as they are."""

    windows: int
    until: str | None


NONE_EXPIRED: Final = Expired(0, None)


@dataclass(frozen=True)
class VerifyReport:
    """The verdict on a stream's tables."""

    stream: str
    pinned: LedgerRow | None
    metrics: dict[str, MetricReport]
    log: Log
    kept: Kept
    books: Books
    quarantined: frozenset[Record] = frozenset()
    unchecked: int = 0
    expired: Expired = NONE_EXPIRED

    @property
    def replayable(self) -> int:
        """Records that were refused when they were read, and are events today."""
        return len(self.kept.refused - self.log.refused)

    @property
    def balanced(self) -> bool:
        """The log, the ledger and the tables count the same events; pairs tie once nothing is pending or
        held."""
        return self.imbalance is None

    @property
    def imbalance(self) -> str | None:
        """What does not tie, in words.

        A record may be refused now that was an event when it was read only if it was put into quarantine.
        """
        log, kept = self.log, self.kept
        strange = log.refused - kept.refused - self.quarantined
        if not self.books.balanced:
            return "sent is not the sum of the others"
        if kept.events != log.events:
            return f"the ledger knows {kept.events} records, the log holds {log.events}"
        if kept.rejected != len(kept.refused):
            return f"the ledger counts {kept.rejected} rejects, {len(kept.refused)} are kept"
        if strange:
            return f"{len(strange)} records are rejects that were events when they were read"
        waits = self.books.pending or self.books.held
        if log.pairs < kept.pairs or (log.pairs != kept.pairs and not waits):
            return f"the tables are made of {kept.pairs} pairs of an event and a window, the log holds {log.pairs}"
        return None

    @property
    def rejected(self) -> int:
        """The ledger's rejects as they are judged today: after a replay fewer, with records in quarantine more."""
        return self.books.rejected + len(self.log.refused - self.kept.refused) - self.replayable

    @property
    def holds(self) -> bool:
        return self.balanced and not any(report.differences for report in self.metrics.values())

    def conservation(self) -> dict[str, int | str | None]:
        """The books of all events that were sent, as each record is judged today."""
        return {
            "events": self.books.sent,
            "counted": self.books.sent - self.rejected - self.books.late,
            "rejected": self.rejected,
            "late": self.books.late,
            "corrected": self.books.corrected,
            "held": self.books.held,
            "unrecoverable": self.books.unrecoverable,
            "replayable": self.replayable,
            "unchecked_windows": self.unchecked,
            "expired_windows": self.expired.windows,
            "expired_until": self.expired.until,
            "holds": self.balanced,
            "reason": self.imbalance,
        }

    def as_dict(self) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "holds": self.holds,
            "pinned": pinned_as_dict(self.pinned),
            "metrics": {name: report.as_dict() for name, report in self.metrics.items()},
            "conservation": self.conservation(),
            "differences": [asdict(difference) for r in self.metrics.values() for difference in r.shown],
        }
