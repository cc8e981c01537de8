"""The books as a person asks for them: by batch, by day, in sum. Pure.

An event is counted once, as in `tideline.ledger.keep_books`: late if any of its windows lost it, corrected once its
batch has its corrections. So `sent = rejected + counted + late` in every line.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tideline.generations import Cut, Era
from tideline.ledger import Books, LedgerRow, RowSource

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Account:
    """A batch's totals without its panes: its recorded time, records, rejects, and the events of its panes."""

    version: int
    at_ms: int
    rows: int
    rejects: int
    events: int


@dataclass(frozen=True)
class BatchView:
    """One batch: what it read, what of it was refused or late, and the watermarks L and E in ms."""

    generation: int
    batch: int
    recorded: datetime
    offsets: dict[int, tuple[int, int]]
    records: int
    rejects: int
    events: int
    late: int
    corrected: bool
    late_ms: int
    watermark_ms: int
    source: RowSource

    @property
    def state(self) -> str:
        """What became of its late events."""
        return "-" if not self.late else "corrected" if self.corrected else "pending"

    def as_dict(self) -> dict[str, Any]:
        return {
            "generation": self.generation,
            "batch": self.batch,
            "recorded": self.recorded.isoformat(),
            "offsets": {str(part): list(span) for part, span in self.offsets.items()},
            "records": self.records,
            "rejects": self.rejects,
            "events": self.events,
            "late": self.late,
            "state": self.state,
            "late_ms": self.late_ms,
            "watermark_ms": self.watermark_ms,
            "source": self.source.value,
        }


def view_batch(eras: Sequence[Era], row: LedgerRow, corrected: Container[int]) -> BatchView:
    return BatchView(
        generation=row.generation,
        batch=row.batch,
        recorded=_at(row.batch_at_ms),
        offsets={part.partition: (part.start, part.end) for part in row.ranges},
        records=row.rows,
        rejects=row.rejects,
        events=row.events,
        late=_late(eras, row),
        corrected=row.version in corrected,
        late_ms=row.filtered_by_ms,
        watermark_ms=row.watermark_ms,
        source=row.source,
    )


@dataclass(frozen=True)
class Day:
    """A day (UTC) of the books: how many batches brought something to it, and its sums."""

    day: str
    batches: int
    books: Books


def late_by_version(eras: Sequence[Era], late_rows: Iterable[LedgerRow]) -> dict[int, int]:
    """Events that lost a window, by batch; `late_rows` are the batches that dropped something."""
    return {row.version: _late(eras, row) for row in late_rows}


def sum_books(accounts: Iterable[Account], late: Mapping[int, int], corrected: Container[int]) -> Books:
    """The books of these batches."""
    sent = rejected = events = lost = mended = 0
    for account in accounts:
        own = late.get(account.version, 0)
        sent += account.rows
        rejected += account.rejects
        events += account.events
        lost += own
        mended += own if account.version in corrected else 0
    return Books(sent, rejected, events - lost, lost, mended)


def by_recorded_day(accounts: Iterable[Account], late: Mapping[int, int], corrected: Container[int]) -> list[Day]:
    """The books by the day on which their batches were recorded."""
    days: dict[str, list[Account]] = {}
    for account in accounts:
        days.setdefault(_day(account.at_ms), []).append(account)
    return [Day(day, len(found), sum_books(found, late, corrected)) for day, found in sorted(days.items())]


def by_event_day(eras: Sequence[Era], rows: Iterable[LedgerRow], corrected: Container[int]) -> list[Day]:
    """The books by the day in which the events happened; what was rejected has no event time and is in no day."""
    found: dict[str, list[tuple[int, Books]]] = {}
    for row in rows:
        lost = set(row.late_panes(eras))
        mended = row.version in corrected
        for pane in row.panes:
            late = pane.events if pane in lost else 0
            books = Books(pane.events, 0, pane.events - late, late, late if mended else 0)
            found.setdefault(_day(pane.pane // 1000), []).append((row.version, books))
    return [Day(day, len({v for v, _ in each}), _sum(b for _, b in each)) for day, each in sorted(found.items())]


def books_as_dict(books: Books) -> dict[str, int | bool]:
    return {
        "sent": books.sent,
        "rejected": books.rejected,
        "counted": books.counted,
        "late": books.late,
        "corrected": books.corrected,
        "pending": books.pending,
        "unrecoverable": books.unrecoverable,
        "balanced": books.balanced,
    }


def cut_as_dict(cut: Cut) -> dict[str, Any]:
    """A generation's beginning: since when, from which offsets, the bound of its windows, its spec and the reason."""
    return {
        "generation": cut.generation,
        "at": _at(cut.at_ms).isoformat(),
        "starts": {str(part): offset for part, offset in sorted(cut.starts.items())},
        "bound": bound_text(cut),
        "reason": cut.reason,
        "fingerprint": cut.spec.fingerprint(),
    }


def bound_text(cut: Cut) -> str | None:
    """The end of the last window that stays with the spec before; None where the spec did not change."""
    if cut.bound_us is None:
        return None
    try:
        return _at(cut.bound_us // 1000).isoformat()
    except (OverflowError, ValueError, OSError):  # nothing had closed: the cut takes over every window
        return "every window"


def at_text(ms: int) -> str:
    """A time to the second, UTC."""
    return _at(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def _late(eras: Sequence[Era], row: LedgerRow) -> int:
    return sum(pane.events for pane in row.late_panes(eras))


def _sum(books: Iterable[Books]) -> Books:
    every = list(books)
    return Books(
        sum(each.sent for each in every),
        sum(each.rejected for each in every),
        sum(each.counted for each in every),
        sum(each.late for each in every),
        sum(each.corrected for each in every),
    )


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _day(ms: int) -> str:
    return _at(ms // _DAY_MS * _DAY_MS).strftime("%Y-%m-%d")
