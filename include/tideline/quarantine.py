"""The quarantine list of a stream: records that count as rejects, whatever they hold, before anything looks at them.

The stream, the reconciliation and `verify` take the same list, so all three leave out the same records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.errors import UserError

QUARANTINED: Final = "quarantined"
"""The reason of such a reject."""
MARK: Final = "quarantined"
"""The column by which a reader tells the engine that a record is listed: so one list reaches every computation."""

Record = tuple[int, int]
"""(partition, offset)."""


@dataclass(frozen=True)
class Entry:
    """A listed record: why, who listed it, and when (UTC)."""

    partition: int
    offset: int
    why: str
    who: str
    at: str


@dataclass(frozen=True)
class Quarantine:
    """The listed records."""

    records: frozenset[Record] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Quarantine:
        return cls(frozenset((entry.partition, entry.offset) for entry in entries))

    @property
    def by_partition(self) -> dict[int, list[int]]:
        """The listed offsets of each partition, ascending."""
        found: dict[int, list[int]] = {}
        for partition, offset in sorted(self.records):
            found.setdefault(partition, []).append(offset)
        return found

    def mark(self, records: pa.Table) -> pa.Table:
        """Kafka records with the verdict of this list in place of any other's; values are not looked at."""
        if MARK in records.column_names:
            records = records.drop_columns([MARK])
        if not self.records:
            return records
        listed = pa.array([False] * len(records), pa.bool_())
        for partition, offsets in self.by_partition.items():
            here = pc.is_in(records["offset"], pa.array(offsets, pa.int64()))
            listed = pc.or_(listed, pc.and_(pc.equal(records["partition"], partition), here))
        return records.append_column(MARK, listed)


NOTHING: Final = Quarantine()


def split_marked(records: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Records as (admitted, quarantined) by the mark that their reader has set; without a mark all are admitted."""
    if MARK not in records.column_names:
        return records, records.slice(0, 0)
    bare = records.drop_columns([MARK])
    return bare.filter(pc.invert(records[MARK])), bare.filter(records[MARK])


def to_text(entries: Iterable[Entry]) -> str:
    """The list as it is kept: a JSON line an entry, ordered by partition and offset."""
    ordered = sorted(entries, key=lambda entry: (entry.partition, entry.offset))
    return "".join(json.dumps(asdict(entry)) + "\n" for entry in ordered)


def from_text(text: str) -> tuple[Entry, ...]:
    """Entries of a kept list; ValueError says which line is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(_entry(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"line {number} is no entry of a quarantine list: {error}") from None
    return tuple(found)


def _entry(fields: dict[str, object]) -> Entry:
    entry = Entry(**fields)  # type: ignore[arg-type]
    if type(entry.partition) is not int or type(entry.offset) is not int:
        raise ValueError("partition and offset must be whole numbers")
    return entry


def load_entries(path: Path) -> tuple[Entry, ...]:
    """The kept list; empty where there is no file. UserError if it cannot be read: a list half obeyed is none."""
    try:
        return from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (ValueError, OSError) as error:
        raise UserError(
            f"{path} cannot be read: {error}", "repair the line, or remove it and list its record again"
        ) from None


def load_quarantine(path: Path) -> Quarantine:
    return Quarantine.of(load_entries(path))
