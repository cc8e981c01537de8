"""What the page says of a stream's books: what is sent, what waits, and whether they balance. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from tideline.ledger import Books


@dataclass(frozen=True)
class BooksSeen:
    """The books as they were at `at` (epoch ms), or why they cannot be opened; `alarms` are of the newest batches."""

    at: int = field(repr=False)
    books: Books | None = None
    problem: str = ""
    alarms: tuple[str, ...] = ()

    @property
    def pending(self) -> int | None:
        """Late events that wait for a reconciliation."""
        return self.books.pending if self.books else None

    @property
    def held(self) -> int:
        """Late events whose corrections wait for a person."""
        return self.books.held if self.books else 0

    @property
    def verdict(self) -> str:
        if self.books is None:
            return "cannot be opened"
        return "balanced" if self.books.balanced else "NOT BALANCED"

    @property
    def is_bad(self) -> bool:
        return self.books is None or not self.books.balanced
