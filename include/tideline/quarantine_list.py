"""Changes to a quarantine list, and what each change asks for: it must not part the tables from `verify`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tideline.errors import UserError
from tideline.ledger import LedgerRow
from tideline.quarantine import Entry, Quarantine, Record, load_entries, to_text
from tideline.reconcile_plan import by_partition

Change = Callable[[tuple[Entry, ...]], tuple[Entry, ...]]


def added(entries: tuple[Entry, ...], entry: Entry) -> tuple[Entry, ...]:
    """The list with one entry more; UserError if the record is on it, or can be none."""
    if entry.partition < 0 or entry.offset < 0:
        raise UserError(f"partition {entry.partition}, offset {entry.offset} is no record", "both begin at 0")
    if (entry.partition, entry.offset) in Quarantine.of(entries).records:
        raise UserError(
            f"partition {entry.partition}, offset {entry.offset} is on the list already",
            "`tideline quarantine NAME list` shows why; remove it first to change that",
        )
    return (*entries, entry)


def removed(entries: tuple[Entry, ...], partition: int, offset: int) -> tuple[Entry, ...]:
    """The list without a record; UserError if it is not on it."""
    left = tuple(entry for entry in entries if (entry.partition, entry.offset) != (partition, offset))
    if len(left) == len(entries):
        raise UserError(
            f"partition {partition}, offset {offset} is not on the list", "`tideline quarantine NAME list` shows it"
        )
    return left


def change_list(path: Path, change: Change) -> tuple[Entry, ...]:
    """Changes the kept list, one writer after the other; a reader finds the old one or the new one, whole."""
    with _alone(path.with_suffix(".lock")):
        entries = change(load_entries(path))
        draft = path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            file.write(to_text(entries))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return entries


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Holds the lock file; a process that dies lets it go."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def batch_of_record(ledger: Iterable[LedgerRow], partition: int, offset: int) -> LedgerRow | None:
    """The batch that has read an offset; None while no committed batch has."""
    ranges = ((row, part) for row in ledger for part in row.ranges)
    return next((row for row, part in ranges if part.partition == partition and part.start <= offset < part.end), None)


def read_of(records: frozenset[Record], ledger: Iterable[LedgerRow]) -> frozenset[Record]:
    """Those of the records that committed batches have read."""
    if not records:
        return records
    ranges = by_partition((part.partition, part.start, part.end) for row in ledger for part in row.ranges)
    return frozenset(
        (partition, offset)
        for partition, offset in records
        if any(start <= offset < end for start, end in ranges.get(partition, ()))
    )


def quarantined_later(
    quarantine: Quarantine, ledger: Iterable[LedgerRow], rejected: Iterable[Record]
) -> frozenset[Record]:
    """The listed records that a batch has counted (or dropped as late), because it read them before they were listed.

    `rejected` are the listed records found in `rejects`: what was rejected anyway changes nothing. These records the
    ledger counts as valid and `verify` as rejected, and their windows must be recomputed.
    """
    return read_of(quarantine.records - frozenset(rejected), ledger)


def list_for_driver(quarantine: Quarantine, last: LedgerRow, quarantined_in_last: Iterable[Record]) -> Quarantine:
    """What a starting driver obeys: for records that no batch has read, the list; for others, the verdict they got.

    Spark may run the last committed batch again, and its state must come out as the tables have it.
    """
    ends = {part.partition: part.end for part in last.ranges}
    unread = frozenset(record for record in quarantine.records if record[1] >= ends.get(record[0], 0))
    return Quarantine(unread | frozenset(quarantined_in_last))
