"""The published tables at one moment, pinned at a ledgered batch."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from tideline.engine.cells import GROUP, connect
from tideline.errors import UserError
from tideline.lateness import extra_delay_us
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrections, read_ledger, read_parts
from tideline.tables.delta import exists, last_version
from tideline.tables.published import read_all_published
from tideline.tables.schemas import CORRECTIONS_WRITER, PARTS_WRITER, TIME, StreamTables
from tideline.tables.stale import stale_groups

_PIN_TRIES = 120
_PIN_PAUSE_S = 0.25


@dataclass(frozen=True)
class Snapshot:
    """What is compared: the tables as they were when they held the pinned batch and nothing newer."""

    ledger: tuple[LedgerRow, ...]
    corrections: pa.Table
    published: dict[str, pa.Table | None]
    hidden_events: int
    kept_rejects: int

    @property
    def pinned(self) -> LedgerRow:
        return self.ledger[-1]

    @property
    def corrected(self) -> frozenset[int]:
        """The batches whose dropped pairs are in `corrections`."""
        return frozenset(pc.unique(self.corrections["version"]).to_pylist())


def take_snapshot(tables: StreamTables, spec: StreamSpec) -> Snapshot | None:
    """Reads the tables at a moment at which nobody is between a commit and its publication; None before a batch.

    A publication that a dead writer left out is no such moment: after the tries it is compared as it is, and differs.
    """
    for attempt in range(_PIN_TRIES):
        before = _inputs(tables)
        ledger = tuple(read_ledger(tables))
        if not ledger:
            return None
        corrections = read_corrections(tables, spec)
        published = read_all_published(tables, spec.metrics)
        is_pinned = before == _inputs(tables)
        is_complete = is_pinned and is_published(tables, spec, ledger[-1], published)
        if is_complete and not len(stale_groups(published, corrections)):
            break
        if attempt + 1 < _PIN_TRIES:
            time.sleep(_PIN_PAUSE_S)
    if not is_pinned:
        raise UserError(f"the tables of '{spec.name}' change faster than they can be read", "verify again, or stop it")
    return Snapshot(
        ledger, corrections, published, hidden_events(tables, corrections), _kept_rejects(tables, ledger[-1])
    )


def _inputs(tables: StreamTables) -> tuple[int | None, int | None]:
    """What changes when a batch or a correction is committed."""
    return last_version(tables.parts, PARTS_WRITER), last_version(tables.corrections, CORRECTIONS_WRITER)


def hidden_events(tables: StreamTables, corrections: pa.Table) -> int:
    """The (event, window) pairs in the newest parts of each generation and in corrections."""
    connection = connect()
    columns = ["version", *GROUP, "events"]
    parts = DeltaTable(str(tables.parts)).to_pyarrow_dataset().to_table(columns, filter=pc.field("kind") == "part")
    connection.register("parts", parts)
    connection.register("corrections", corrections)
    found = connection.sql(
        """select coalesce((select sum(newest) from (
                 select arg_max(events, version) as newest from parts
                 group by metric, window_end, key, version >> 32)), 0)
             + coalesce((select sum(events) from corrections), 0)"""
    ).fetchall()
    return int(found[0][0])


def _kept_rejects(tables: StreamTables, pinned: LedgerRow) -> int:
    if not exists(tables.rejects):
        return 0
    dataset = DeltaTable(str(tables.rejects)).to_pyarrow_dataset()
    return int(dataset.count_rows(filter=pc.field("version") <= pinned.version))


def is_published(
    tables: StreamTables, spec: StreamSpec, last: LedgerRow, published: dict[str, pa.Table | None] | None = None
) -> bool:
    """Whether every group of the last batch shows in its table, and what it closed is closed."""
    rows = read_all_published(tables, spec.metrics) if published is None else published
    parts = read_parts(tables, spec, pc.field("version") == last.version)
    return all(
        _shows(rows[name], parts.filter(pc.equal(parts["metric"], name)), last, extra_delay_us(spec, name))
        for name in spec.metrics
    )


def _shows(rows: pa.Table | None, groups: pa.Table, last: LedgerRow, extra_us: int) -> bool:
    if rows is None:
        return not len(groups)
    limit = pa.scalar(last.watermark_ms * 1000 - extra_us, TIME)
    left_open = rows.filter(pc.and_(rows["is_open"], pc.less_equal(rows["window_end"], limit)))
    shown = rows.filter(pc.equal(rows["part_version"], last.version))
    return len(shown) >= len(groups) and not len(left_open)
