"""A stream's ledger opened for reading alone: nothing is written, no broker is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tideline.checkpoint import CheckpointLog
from tideline.gaps import Gap, find_gaps
from tideline.generations import Cut, Era
from tideline.home import Home
from tideline.ledger import Books, Corrected, LedgerRow
from tideline.ledger_view import (
    Account,
    BatchView,
    Day,
    by_event_day,
    by_recorded_day,
    late_by_version,
    sum_books,
    view_batch,
)
from tideline.spec.model import StreamSpec
from tideline.tables.accounts import read_accounts
from tideline.tables.books import read_corrected, read_cuts, read_eras, read_ledger
from tideline.tables.schemas import StreamTables
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.unrecoverable import lost_windows, with_unrecoverable


@dataclass(frozen=True)
class StreamLedger:
    """Totals of all batches; whole ledger rows are read only for the batches that are shown or dropped something."""

    tables: StreamTables
    eras: Sequence[Era]
    cuts: list[Cut]
    corrected: Corrected
    accounts: list[Account]
    committed: int | None
    """The newest generation's last batch, by its checkpoint; None where that is not known."""

    @cached_property
    def late_rows(self) -> list[LedgerRow]:
        """The batches that dropped something, of those in the accounts."""
        known = {account.version for account in self.accounts}
        return [row for row in read_ledger(self.tables, late_only=True) if row.version in known]

    @cached_property
    def late(self) -> dict[int, int]:
        return late_by_version(self.eras, self.late_rows)

    @cached_property
    def totals(self) -> Books:
        books = sum_books(self.accounts, self.late, self.corrected)
        mended = (row for row in self.late_rows if row.version in self.corrected)
        return with_unrecoverable(books, mended, read_unrecoverable(self.tables), lost_windows(self.eras))

    @property
    def gaps(self) -> list[Gap]:
        """Batches without a ledger row, also those at the end that the checkpoint has committed."""
        newest = max((cut.generation for cut in self.cuts), default=1)
        return find_gaps((account.version for account in self.accounts), newest, self.committed)

    def batches(self, last: int) -> list[BatchView]:
        """The last so many batches, oldest first."""
        shown = self.accounts[-last:]
        rows = read_ledger(self.tables, shown[0].version - 1) if shown else []
        return [view_batch(self.eras, row, self.corrected) for row in rows if row.version <= shown[-1].version]

    def days(self, event_time: bool) -> list[Day]:
        """The books by the day of their batches, or of their events."""
        if event_time:
            return by_event_day(self.eras, read_ledger(self.tables), self.corrected)
        return by_recorded_day(self.accounts, self.late, self.corrected)


def open_ledger(home: Home, spec: StreamSpec) -> StreamLedger:
    """The ledger of a deployed stream as it is now."""
    tables = StreamTables(home.tables(spec.name))
    cuts = read_cuts(tables)
    newest = max((cut.generation for cut in cuts), default=1)
    committed = CheckpointLog(home.stream(spec.name).checkpoint(newest)).last_commit()
    corrected = read_corrected(tables)
    return StreamLedger(tables, read_eras(tables, spec), cuts, corrected, read_accounts(tables), committed)
