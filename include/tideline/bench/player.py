"""Plays batches into a stream's tables as a driver would, by the rule and without Spark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tideline.begin import Start, begin_generation
from tideline.engine.cells import GROUP, Engine
from tideline.lateness import pane_ms
from tideline.ledger import LedgerRow, Pane, PartitionRange
from tideline.offset_ranges import OffsetRanges
from tideline.quarantine import NOTHING, Quarantine
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline.stream_books import StreamBooks
from tideline.tables.batch import commit_batch, commit_rejects, group_rows
from tideline.tables.live import LivePublisher
from tideline.tables.schemas import StreamTables
from tideline.versions import version_of

RECORDED_MS = 4_000_000_000_000  # far ahead of every event, so that none is from the future


def records(values: Sequence[bytes | None], partition: int = 0, first_offset: int = 0) -> pa.Table:
    """Values as consecutive records of one partition."""
    count = len(values)
    return pa.table(
        {
            "partition": pa.array([partition] * count, pa.int32()),
            "offset": pa.array(range(first_offset, first_offset + count), pa.int64()),
            "timestamp": pa.array([RECORDED_MS * 1000] * count, pa.timestamp("us", "UTC")),
            "value": pa.array(values, pa.binary()),
        },
        schema=RECORDS,
    )


@dataclass
class Player:
    """A driver in miniature: one partition, one generation, a watermark that moves with each batch."""

    root: Path
    spec: StreamSpec
    generation: int = 1
    batch: int = 0
    offset: int = 0
    watermark_ms: int = 0
    log: list[bytes | None] = field(default_factory=list)
    state: pa.Table | None = None
    quarantine: Quarantine = NOTHING

    def __post_init__(self) -> None:
        self.tables = StreamTables(self.root)
        start = Start(self.generation, self.spec, "id", {0: 0}, 1_000 * (self.batch + 1))
        cut, self.eras = begin_generation(self.tables, start, self.read)
        self.offset = cut.starts[0]
        bounds = self.eras[-1].bounds
        self.engine = Engine(self.spec, bounds, pane_ms(*(era.spec for era in self.eras)))
        self.publisher = LivePublisher(self.tables, self.eras, self.generation)
        self.publisher.recover()

    def read(self, ranges: OffsetRanges) -> Iterator[pa.Table]:
        """The log between the offsets, as Kafka would give it."""
        for start, end in ranges.get(0, []):
            yield self.quarantine.mark(records(self.log[start:end], first_offset=start))

    @property
    def books(self) -> StreamBooks:
        return StreamBooks(self.spec, self.tables, self.eras, self.read)

    def play(self, *values: bytes | None, publish: bool = True) -> LedgerRow:
        """One batch: drops by L, merges what is left into the state, commits, publishes, evicts by E."""
        late_ms = self.watermark_ms
        chunk = records(values, first_offset=self.offset)
        self.engine.load(self.quarantine.mark(chunk))
        cells = self.engine.cells()
        panes = self.engine.panes()
        kept = cells.filter(pc.greater(pc.cast(cells["drop_at"], pa.int64()), late_ms * 1000))
        times = pc.max(panes["greatest"]).as_py()
        if times is not None:
            self.watermark_ms = max(self.watermark_ms, times // 1000 - self.spec.smallest_delay_ms)
        row = LedgerRow(
            version=version_of(self.generation, self.batch),
            epoch=1,
            topic=self.spec.source.topic,
            topic_id="id",
            batch_at_ms=1_000 * (self.batch + 1),
            late_ms=late_ms,
            watermark_ms=late_ms,
            fingerprint=self.spec.fingerprint(),
            code="test",
            settings={},
            ranges=(self._range(len(values), panes),),
            panes=tuple(
                Pane(p["partition"], p["pane"], p["events"], p["first_offset"], p["last_offset"])
                for p in panes.to_pylist()
            ),
            pane_ms=pane_ms(*(era.spec for era in self.eras)),
        )
        row = replace(row, late_events=sum(pane.events for pane in row.late_panes(self.eras)))
        merged = self._merge(kept)
        commit_batch(self.tables, self.engine.slots, merged, row)
        if row.rejects:
            commit_rejects(self.tables, row.topic, self.engine.rejects(), row.version)
        if publish:
            self.publisher.publish(group_rows(self.engine.slots, merged, row.version, row.batch_at_ms), row)
        self.batch, self.offset = self.batch + 1, self.offset + len(values)
        self.log += values
        return row

    def _merge(self, kept: pa.Table) -> pa.Table:
        """The groups that this batch touched, as of now."""
        inputs = kept.select([*GROUP, "events", *self.engine.slots])
        state = inputs if self.state is None else pa.concat_tables([self.state, inputs])
        self.state = self.engine.merge(state).select(inputs.column_names)
        touched = set(zip(*(inputs[column].to_pylist() for column in GROUP), strict=True))
        rows = zip(*(self.state[column].to_pylist() for column in GROUP), strict=True)
        return self.state.filter(pa.array([row in touched for row in rows], pa.bool_()))

    def _range(self, rows: int, panes: pa.Table) -> PartitionRange:
        events = pc.sum(panes["events"]).as_py() or 0
        least, greatest = pc.min(panes["least"]).as_py(), pc.max(panes["greatest"]).as_py()
        return PartitionRange(0, self.offset, self.offset + rows, rows, rows - events, least, greatest)
