"""A stream's ledger opened for reading alone: nothing is written, no broker is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tideline.checkpoint import CheckpointLog
from tideline.cross_check import CrossCheck, counters_of, cross_check
from tideline.dropped_share import dropped_alarm
from tideline.gaps import Gap, find_gaps
from tideline.generations import Cut, Era
from tideline.holds import held_versions
from tideline.home import Home
from tideline.horizon import NOTHING_ERASED, Erasure
from tideline.ledger import Books, Corrected, LedgerRow
from tideline.ledger_view import (
    Account,
    BatchView,
    Day,
    Fate,
    Fates,
    by_event_day,
    by_recorded_day,
    fate_of,
    fates_of,
    sum_books,
    view_batch,
)
from tideline.spec.model import StreamSpec
from tideline.tables.accounts import accounts_of
from tideline.tables.books import (
    ledger_of,
    read_corrected,
    read_cuts,
    read_dropped_groups,
    read_eras,
    read_ledger,
)
from tideline.tables.delta import exists, open_dataset
from tideline.tables.erased import erasures_of, last_of
from tideline.tables.holds import read_holds
from tideline.tables.lost_ends import find_lost_ends
from tideline.tables.schemas import StreamTables
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.versions import batch_of, generation_of

_LOOKED_AT: Final = 100


@dataclass(frozen=True)
class StreamLedger:
    """Totals of all batches; whole ledger rows are read only for the batches that are shown or dropped something."""

    tables: StreamTables
    eras: Sequence[Era]
    cuts: list[Cut]
    corrected: Corrected
    accounts: list[Account]
    late_rows: list[LedgerRow]
    """The batches that dropped something, of those in the accounts."""
    erased: Erasure
    """What is brought forward of batches whose ledger rows are erased."""
    committed: int | None
    """The newest generation's last batch, by its checkpoint; None where that is not known."""

    @cached_property
    def fates(self) -> Fates:
        held = held_versions(read_holds(self.tables))
        return fates_of(self.eras, self.corrected, read_unrecoverable(self.tables), held)

    @cached_property
    def fates_by_version(self) -> dict[int, Fate]:
        """What became of the late events of each batch that dropped something."""
        return {row.version: fate_of(self.eras, row, self.fates) for row in self.late_rows}

    @cached_property
    def totals(self) -> Books:
        return self.erased.books + sum_books(self.accounts, self.fates_by_version)

    @property
    def gaps(self) -> list[Gap]:
        """Batches without a ledger row, also those at the ends of generations."""
        newest = max((cut.generation for cut in self.cuts), default=1)
        versions = [account.version for account in self.accounts]
        lost_ends = find_lost_ends(self.tables, self.cuts, versions, self.erased.boundary)
        return [*find_gaps(versions, newest, self.committed, self.erased.last), *lost_ends]

    def batches(self, last: int) -> list[BatchView]:
        """The last so many batches, oldest first."""
        shown = self.accounts[-last:]
        rows = read_ledger(self.tables, shown[0].version - 1) if shown else []
        return [view_batch(self.eras, row, self.fates) for row in rows if row.version <= shown[-1].version]

    def alarms(self) -> list[str]:
        """What a person should look at in the newest batches: too much dropped, or Spark's counter of another mind."""
        after = self.accounts[-_LOOKED_AT:][0].version - 1 if self.accounts else -1
        rows = read_ledger(self.tables, after)
        dropped = dropped_alarm(rows)
        groups = read_dropped_groups(self.tables, self.eras, after)
        whole = (row.version for row in rows if row.version in self.corrected and not self._lost_expired(row))
        checks = cross_check(groups, whole, counters_of(rows))
        said = [_disagreement(check) for check in checks if check.is_alarming]
        return [str(dropped), *said] if dropped else said

    def _lost_expired(self, row: LedgerRow) -> bool:
        """Whether a batch dropped events of windows that have expired: then not all its groups are in corrections."""
        until_us = self.eras[-1].expired_us
        return any(end <= until_us for pane in row.panes for _, end in row.lost_windows(self.eras, pane))

    def days(self, event_time: bool) -> list[Day]:
        """The books by the day of their batches, or of their events."""
        if event_time:
            return by_event_day(self.eras, read_ledger(self.tables), self.fates)
        return by_recorded_day(self.accounts, self.fates_by_version)


def _disagreement(check: CrossCheck) -> str:
    batch = f"batch {batch_of(check.version)} of generation {generation_of(check.version)}"
    return f"{batch} dropped {check.groups} groups, Spark counts {check.counter}: {check.cause}"


def open_ledger(home: Home, spec: StreamSpec) -> StreamLedger:
    """The ledger of a deployed stream as it is now."""
    tables = StreamTables(home.tables(spec.name))
    cuts = read_cuts(tables)
    newest = max((cut.generation for cut in cuts), default=1)
    committed = CheckpointLog(home.stream(spec.name).checkpoint(newest)).last_commit()
    corrected, eras = read_corrected(tables), read_eras(tables, spec)
    if not exists(tables.parts):
        return StreamLedger(tables, eras, cuts, corrected, [], [], NOTHING_ERASED, committed)
    parts = open_dataset(tables.parts)  # one look: what is erased meanwhile is neither missed nor counted twice
    late_rows, erased = ledger_of(parts, late_only=True), last_of(erasures_of(parts))
    return StreamLedger(tables, eras, cuts, corrected, accounts_of(parts), late_rows, erased, committed)
