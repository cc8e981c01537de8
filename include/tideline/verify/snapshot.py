"""The published tables at one moment, pinned at a ledgered batch."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.tables.books import corrected_versions, read_ledger, read_parts
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

_PIN_TRIES = 60


@dataclass(frozen=True)
class Snapshot:
    """What was compared: the published tables at the pinned batch, and the ledger up to it."""

    ledger: tuple[LedgerRow, ...]
    corrected: frozenset[int]
    published: dict[str, pa.Table | None]

    @property
    def pinned(self) -> LedgerRow:
        return self.ledger[-1]


def take_snapshot(tables: StreamTables, spec: StreamSpec) -> Snapshot | None:
    """The published tables at a moment at which they hold the last ledgered batch and nothing newer."""
    for _ in range(_PIN_TRIES):
        before = read_ledger(tables)
        if not before:
            return None
        published = {name: read_published(tables.published(name)) for name in spec.metrics}
        corrected = corrected_versions(tables)
        after = read_ledger(tables)
        if before[-1].version == after[-1].version and _is_published(tables, spec, before[-1], published):
            break
        time.sleep(0.25)  # the driver is between a batch's commit and its publication
    return Snapshot(tuple(after), corrected, published)


def _is_published(
    tables: StreamTables, spec: StreamSpec, last: LedgerRow, published: dict[str, pa.Table | None]
) -> bool:
    """Whether every group of the last batch shows in its table."""
    parts = read_parts(tables, spec, pc.field("version") == last.version)
    for name in spec.metrics:
        rows = published[name]
        groups = len(parts.filter(pc.equal(parts["metric"], name)))
        shown = 0 if rows is None else len(rows.filter(pc.equal(rows["part_version"], last.version)))
        if shown < groups:
            return False
    return True
