"""The books as a person asks for them: by batch, by day, in sum. Pure.

An event is counted once, as in `tideline.ledger.keep_books`: late if any of its windows lost it, and then pending until
its batch is dealt with, held while its correction waits for a person, unrecoverable if one of its windows never gets
it, and else corrected. So in every line `sent = rejected + counted + late` and `late = corrected + pending + held +
unrecoverable`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tideline.generations import Cut, Era
from tideline.ledger import Books, LedgerRow, Pane, RowSource
from tideline.times import at_us, iso, iso_ms, iso_us, iso_watermark
from tideline.unrecoverable import Unrecoverable, lost_windows, windows_by_version

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
class Fate:
    """What became of the late events of one batch or pane."""

    late: int = 0
    corrected: int = 0
    unrecoverable: int = 0
    held: int = 0

    @property
    def waits(self) -> bool:
        """Whether some are still to be reconciled."""
        return self.late > self.corrected + self.unrecoverable + self.held

    def __add__(self, other: Fate) -> Fate:
        return Fate(
            self.late + other.late,
            self.corrected + other.corrected,
            self.unrecoverable + other.unrecoverable,
            self.held + other.held,
        )


Fates = Callable[[LedgerRow, Pane], Fate]
"""The fate of a batch's pane."""


def fates_of(
    eras: Sequence[Era],
    corrected: Container[int],
    marks: Iterable[Unrecoverable],
    held: Container[int] = frozenset(),
) -> Fates:
    """Of late panes, those with a marked window are unrecoverable once their batch is dealt with; `held` are batches
    whose corrections wait for a person."""
    marked, lost = windows_by_version(marks), lost_windows(eras)

    def fate(row: LedgerRow, pane: Pane) -> Fate:
        if row.version not in corrected:
            return Fate(pane.events, held=pane.events if row.version in held else 0)
        windows = marked.get(row.version, set())
        is_never = bool(windows) and any(window in windows for window in lost(row, pane))
        return Fate(pane.events, unrecoverable=pane.events) if is_never else Fate(pane.events, pane.events)

    return fate


def fate_of(eras: Sequence[Era], row: LedgerRow, fates: Fates) -> Fate:
    """The fate of all late events of a batch."""
    return sum((fates(row, pane) for pane in row.late_panes(eras)), Fate())


@dataclass(frozen=True)
class BatchView:
    """One batch: its books, the offsets it read, and the watermarks L and E in ms."""

    generation: int
    batch: int
    recorded: datetime
    offsets: dict[int, tuple[int, int]]
    books: Books
    late_ms: int
    watermark_ms: int
    source: RowSource

    @property
    def state(self) -> str:
        """What became of its late events; with their numbers where that is more than one thing."""
        books = self.books
        names = ("corrected", "pending", "held", "unrecoverable")
        counts = {name: getattr(books, name) for name in names}
        found = {name: count for name, count in counts.items() if count}
        if len(found) > 1:
            return ", ".join(f"{count} {name}" for name, count in found.items())
        return next(iter(found), "-")

    def as_dict(self) -> dict[str, Any]:
        return {
            "generation": self.generation,
            "batch": self.batch,
            "recorded": iso(self.recorded),
            "offsets": {str(part): list(span) for part, span in self.offsets.items()},
            **books_as_dict(self.books),
            "late_watermark": iso_watermark(self.late_ms),
            "watermark": iso_watermark(self.watermark_ms),
            "source": self.source.value,
        }


def view_batch(eras: Sequence[Era], row: LedgerRow, fates: Fates) -> BatchView:
    account = Account(row.version, row.batch_at_ms, row.rows, row.rejects, row.events)
    return BatchView(
        generation=row.generation,
        batch=row.batch,
        recorded=at_us(row.batch_at_ms * 1000),
        offsets={part.partition: (part.start, part.end) for part in row.ranges},
        books=sum_books([account], {row.version: fate_of(eras, row, fates)}),
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


def sum_books(accounts: Iterable[Account], fates: Mapping[int, Fate]) -> Books:
    """The books of these batches, with the fates of those that dropped something."""
    sent = rejected = events = 0
    fate = Fate()
    for account in accounts:
        sent += account.rows
        rejected += account.rejects
        events += account.events
        fate += fates.get(account.version, Fate())
    return Books(sent, rejected, events - fate.late, fate.late, fate.corrected, fate.unrecoverable, fate.held)


def by_recorded_day(accounts: Iterable[Account], fates: Mapping[int, Fate]) -> list[Day]:
    """The books by the day on which their batches were recorded."""
    days: dict[str, list[Account]] = {}
    for account in accounts:
        days.setdefault(_day(account.at_ms), []).append(account)
    return [Day(day, len(found), sum_books(found, fates)) for day, found in sorted(days.items())]


def by_event_day(eras: Sequence[Era], rows: Iterable[LedgerRow], fates: Fates) -> list[Day]:
    """The books by the day in which the events happened; what was rejected has no event time and is in no day."""
    found: dict[str, list[tuple[int, Books]]] = {}
    for row in rows:
        lost = set(row.late_panes(eras))
        for pane in row.panes:
            fate = fates(row, pane) if pane in lost else Fate()
            books = Books(
                pane.events, 0, pane.events - fate.late, fate.late, fate.corrected, fate.unrecoverable, fate.held
            )
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
        "held": books.held,
        "unrecoverable": books.unrecoverable,
        "balanced": books.balanced,
    }


def cut_as_dict(cut: Cut) -> dict[str, Any]:
    """A generation's beginning: since when, from which offsets, the bound of its windows, its spec and the reason."""
    return {
        "generation": cut.generation,
        "at": iso_ms(cut.at_ms),
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
        return iso_us(cut.bound_us)
    except OverflowError:  # nothing had closed: the cut takes over every window
        return "every window"


def at_text(ms: int) -> str:
    """A time to the second, UTC."""
    return iso_ms(ms // 1000 * 1000)


def watermark_text(ms: int) -> str:
    """A watermark to the second, `-` for none yet."""
    return at_text(ms) if ms else "-"


def _sum(books: Iterable[Books]) -> Books:
    every = list(books)
    return Books(
        sum(each.sent for each in every),
        sum(each.rejected for each in every),
        sum(each.counted for each in every),
        sum(each.late for each in every),
        sum(each.corrected for each in every),
        sum(each.unrecoverable for each in every),
        sum(each.held for each in every),
    )


def _day(ms: int) -> str:
    return at_us(ms // _DAY_MS * _DAY_MS * 1000).date().isoformat()
