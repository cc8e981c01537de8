"""The verdict of a verification, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tideline.ledger import Books, LedgerRow


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
    """What Kafka alone says: records, those that are no events, and the windows that the events belong to."""

    events: int = 0
    rejected: int = 0
    pairs: int = 0


@dataclass(frozen=True)
class Kept:
    """What the tables hold: pairs in parts and corrections, and rows of rejects."""

    pairs: int = 0
    rejects: int = 0


@dataclass(frozen=True)
class VerifyReport:
    """The verdict on a stream's tables."""

    stream: str
    pinned: LedgerRow | None
    metrics: dict[str, MetricReport]
    log: Log
    kept: Kept
    books: Books

    @property
    def balanced(self) -> bool:
        """The log, the ledger and the tables count the same events; pairs tie once nothing is pending."""
        ledger_ties = self.books.balanced and self.books.sent == self.log.events
        rejects_tie = self.log.rejected == self.books.rejected == self.kept.rejects
        pairs_tie = self.log.pairs == self.kept.pairs if not self.books.pending else self.log.pairs >= self.kept.pairs
        return ledger_ties and rejects_tie and pairs_tie

    @property
    def holds(self) -> bool:
        return self.balanced and not any(report.differences for report in self.metrics.values())

    def differences_of(self, metric: str) -> int:
        return self.metrics[metric].differences

    def as_dict(self) -> dict[str, Any]:
        pinned = {"generation": self.pinned.generation, "batch": self.pinned.batch} if self.pinned else None
        return {
            "stream": self.stream,
            "holds": self.holds,
            "pinned": pinned,
            "metrics": {
                name: {
                    "windows": report.windows,
                    "rows": report.rows,
                    "differences": report.differences,
                    "pending": report.pending,
                }
                for name, report in self.metrics.items()
            },
            "conservation": {
                "events": self.log.events,
                "counted": self.books.counted,
                "rejected": self.log.rejected,
                "late": self.books.late,
                "corrected": self.books.corrected,
                "holds": self.balanced,
            },
            "differences": [asdict(difference) for r in self.metrics.values() for difference in r.shown],
        }
