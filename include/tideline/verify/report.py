"""The verdict of a verification, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

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

    @property
    def replayable(self) -> int:
        """Records that were refused when they were read, and are events today."""
        return len(self.kept.refused - self.log.refused)

    @property
    def balanced(self) -> bool:
        """The log, the ledger and the tables count the same events; pairs tie once nothing is pending.

        A record may be refused now that was an event when it was read only if it was put into quarantine.
        """
        ledger_ties = self.books.balanced and self.kept.events == self.log.events
        rejects_tie = self.kept.rejected == len(self.kept.refused)
        rejects_tie = rejects_tie and self.log.refused - self.kept.refused <= self.quarantined
        pairs_tie = self.log.pairs == self.kept.pairs if not self.books.pending else self.log.pairs >= self.kept.pairs
        return ledger_ties and rejects_tie and pairs_tie

    @property
    def rejected(self) -> int:
        """The ledger's rejects as they are judged today: after a replay fewer, with records in quarantine more."""
        return self.books.rejected + len(self.log.refused - self.kept.refused) - self.replayable

    @property
    def holds(self) -> bool:
        return self.balanced and not any(report.differences for report in self.metrics.values())

    def conservation(self) -> dict[str, int | bool]:
        """The books of all events that were sent, as each record is judged today."""
        return {
            "events": self.books.sent,
            "counted": self.books.sent - self.rejected - self.books.late,
            "rejected": self.rejected,
            "late": self.books.late,
            "corrected": self.books.corrected,
            "unrecoverable": self.books.unrecoverable,
            "replayable": self.replayable,
            "unchecked_windows": self.unchecked,
            "holds": self.balanced,
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
