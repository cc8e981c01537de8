"""The verdict of a verification, and how it is told."""

from __future__ import annotations

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
    """One table: windows compared, unexplained differences, and rows that wait for a reconciliation."""

    windows: int
    differences: int
    pending: int
    shown: tuple[Difference, ...]


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
            "differences": [asdict(difference) for r in self.metrics.values() for difference in r.shown],
        }
