"""The published tables while the stream runs: the driver's newest parts at once, windows closed as E passes them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import GROUP
from tideline.engine.publish import Publisher
from tideline.engine.relations import restrict
from tideline.lateness import extra_delay_us
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrections, read_ledger, read_parts
from tideline.tables.delta import last_version
from tideline.tables.published import read_published, write_published
from tideline.tables.schemas import PUBLISHED_WRITER, TIME, StreamTables
from tideline.versions import version_of


class LivePublisher:
    """Publishes each batch of one driver; remembers the open rows, so that it can close them.

    `recover` first: it publishes what a killed driver had committed and not yet published, and reads what older
    generations hold of the windows that are still open.
    """

    def __init__(self, tables: StreamTables, spec: StreamSpec, generation: int) -> None:
        self._tables = tables
        self._spec = spec
        self._generation = generation
        self._publisher = Publisher(spec)
        self._open: dict[str, pa.Table] = {}
        self._older = read_parts(tables, spec, pc.field("version") < version_of(generation, 0))
        self._no_corrections = read_corrections(tables, spec).slice(0, 0)

    def recover(self) -> None:
        """Brings the published tables to the last committed batch."""
        ledger = read_ledger(self._tables)
        if not ledger:
            return
        seen = [last_version(self._tables.published(name), PUBLISHED_WRITER) or 0 for name in self._spec.metrics]
        for name in self._spec.metrics:
            rows = read_published(self._tables.published(name), pc.field("is_open"))
            if rows is not None:
                self._open[name] = rows
        parts = read_parts(self._tables, self._spec, pc.field("version") > min(seen))
        corrections = restrict(read_corrections(self._tables, self._spec), parts, GROUP)
        self._write(self._publisher.merge(self._with_older(parts), corrections), ledger[-1])

    def publish(self, parts: pa.Table, row: LedgerRow) -> int:
        """Publishes one batch's parts (rows of `parts`) and the windows that E closes; returns the rows changed."""
        corrections = self._corrections_of_older(parts)
        return self._write(self._publisher.merge(self._with_older(parts), corrections), row)

    def _with_older(self, parts: pa.Table) -> pa.Table:
        """The parts and, of the same groups, those of older generations."""
        if not len(self._older):
            return parts
        older = restrict(self._older, parts, GROUP)
        return pa.concat_tables([parts, older.select(parts.column_names).cast(parts.schema)])

    def _corrections_of_older(self, parts: pa.Table) -> pa.Table:
        """Within its own generation a corrected window is closed, so only older ones can have corrected an open one."""
        if self._generation == 1 or not len(parts):
            return self._no_corrections
        same_windows = pc.field("window_end").isin(pc.unique(parts["window_end"]))
        return restrict(read_corrections(self._tables, self._spec, same_windows), parts, GROUP)

    def _write(self, groups: pa.Table, row: LedgerRow) -> int:
        changed = 0
        for name, rows in self._publisher.finish(groups, row.watermark_ms).items():
            both = pa.concat_tables([rows, self._closed(name, rows, row.watermark_ms)])
            changed += write_published(self._tables.published(name), both, row.version).changed
        return changed

    def _closed(self, name: str, rows: pa.Table, watermark_ms: int) -> pa.Table:
        """Takes the rows that this batch closes from those kept open, and keeps the new open ones."""
        kept = self._open.get(name, rows.slice(0, 0)).select(rows.column_names).cast(rows.schema)
        kept = restrict(kept, rows, ("window_start", "key"), present=False)
        limit = pa.scalar(watermark_ms * 1000 - extra_delay_us(self._spec, name), TIME)
        is_closed = pc.less_equal(kept["window_end"], limit)
        self._open[name] = pa.concat_tables([kept.filter(pc.invert(is_closed)), rows.filter(rows["is_open"])])
        closing = kept.filter(is_closed)
        at = closing.schema.get_field_index("is_open")
        return closing.set_column(at, "is_open", pa.repeat(pa.scalar(False), len(closing)))
