"""Plays batches into a stream's tables as a driver would, by the rule and without Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tideline.begin import Start, begin_generation
from tideline.engine.cells import GROUP, Engine
from tideline.isolation import ISOLATION
from tideline.lateness import pane_ms
from tideline.ledger import LedgerRow, Pane, PartitionRange, expiry_setting
from tideline.offset_ranges import OffsetRanges
from tideline.quarantine import NOTHING, Quarantine
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline.stream_books import StreamBooks
from tideline.tables.batch import commit_batch, group_rows
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


Values = Mapping[int, Sequence[bytes | None]]


@dataclass(frozen=True)
class Planned:
    """A batch between its plan and its commit: the ledger row, the groups it touched as of then, and its rejects."""

    row: LedgerRow
    groups: pa.Table
    rejects: pa.Table


@dataclass
class Player:
    """A driver in miniature: one generation, and a watermark that moves with each batch.

    `log` holds the values of partition 0, `logs` those of all.
    """

    root: Path
    spec: StreamSpec
    generation: int = 1
    batch: int = 0
    watermark_ms: int = 0  # what the next batch will record as E
    recorded_ms: int = 0  # what it will drop by as L
    log: list[bytes | None] = field(default_factory=list)
    logs: dict[int, list[bytes | None]] = field(default_factory=dict)
    state: pa.Table | None = None
    quarantine: Quarantine = NOTHING

    def __post_init__(self) -> None:
        self.logs[0] = self.log
        self.tables = StreamTables(self.root)
        start = Start(self.generation, self.spec, "id", dict.fromkeys(self.logs, 0), 1_000 * (self.batch + 1))
        cut, self.eras = begin_generation(self.tables, start, self.read, self.quarantine, self.clock)
        self.offsets = cut.starts
        self.pane_ms = pane_ms(*(era.spec for era in self.eras))
        self.engine = Engine(self.spec, self.eras[-1].kept, self.pane_ms)
        self.restart()

    def restart(self) -> None:
        """A new driver takes over: state and watermarks come from the checkpoint, open rows from the tables."""
        self.publisher = LivePublisher(self.tables, self.eras, self.generation)
        self.publisher.recover()

    def read(self, ranges: OffsetRanges) -> Iterator[pa.Table]:
        """The log between the offsets, as Kafka would give it."""
        for partition, spans in ranges.items():
            for start, end in spans:
                yield self.quarantine.mark(records(self.logs[partition][start:end], partition, start))

    @property
    def books(self) -> StreamBooks:
        return StreamBooks(self.spec, self.tables, self.eras, self.read, quarantine=self.quarantine, clock=self.clock)

    def clock(self) -> int:
        """The time at which the last batch was recorded, in ms; before it as for the first."""
        return 1_000 * max(self.batch, 1)

    def play(self, *values: bytes | None, publish: bool = True, closing: bool = True) -> LedgerRow:
        """One batch of partition 0; see `plan`."""
        return self.play_partitions({0: values}, publish=publish, closing=closing)

    def play_partitions(self, values: Values, *, publish: bool = True, closing: bool = True) -> LedgerRow:
        """One batch from its plan to its publication; without the latter it is as if the driver was killed before."""
        planned = self.plan(values, closing=closing)
        self.commit(planned)
        if publish:
            self.publish(planned)
        return planned.row

    def plan(self, values: Values, *, closing: bool = True) -> Planned:
        """The next batch, by partition, as it will be committed: drops by L, merges what is left into the state.

        `closing` says that Spark's closing batch without data runs before the next one, and moves L along. It runs
        unless data waits already, or the driver is killed before it, or the session forbids it.
        """
        starts, self.offsets = self.offsets, self._after(values)
        chunk = pa.concat_tables(records(new, at, starts.get(at, 0)) for at, new in values.items())
        self.engine.load(self.quarantine.mark(chunk))
        panes, cells = self.engine.panes(), self.engine.cells()
        kept = cells.filter(pc.greater(pc.cast(cells["drop_at"], pa.int64()), self.recorded_ms * 1000))
        row = self._ledger_row(starts, panes)
        self._move(row, panes, closing)
        return Planned(row, self._merge(kept), self.engine.rejects())

    def commit(self, planned: Planned) -> bool:
        """False if the batch was committed before, as by a replay; Superseded if a newer one was."""
        return commit_batch(self.tables, self.engine.slots, planned.groups, planned.row, planned.rejects)

    def publish(self, planned: Planned) -> int:
        """Rows changed."""
        row = planned.row
        return self.publisher.publish(group_rows(self.engine.slots, planned.groups, row.version, row.batch_at_ms), row)

    def _after(self, values: Values) -> dict[int, int]:
        """Puts the values at the offsets they have in the log; the offsets after them."""
        ends = dict(self.offsets)
        for partition, new in values.items():
            start = ends.get(partition, 0)
            ends[partition] = start + len(new)
            self.logs.setdefault(partition, [])[start : ends[partition]] = new
        return ends

    def _move(self, row: LedgerRow, panes: pa.Table, closing: bool) -> None:
        greatest = pc.max(panes["greatest"]).as_py()
        if greatest is not None:
            self.watermark_ms = max(self.watermark_ms, greatest // 1000 - self.spec.smallest_delay_ms)
        self.recorded_ms = self.watermark_ms if closing else row.watermark_ms
        self.batch += 1

    def _ledger_row(self, starts: dict[int, int], panes: pa.Table) -> LedgerRow:
        listed = panes.sort_by([("partition", "ascending"), ("pane", "ascending")]).to_pylist()
        row = LedgerRow(
            version=version_of(self.generation, self.batch),
            epoch=1,
            topic=self.spec.source.topic,
            topic_id="id",
            batch_at_ms=1_000 * (self.batch + 1),
            late_ms=self.recorded_ms,
            watermark_ms=self.watermark_ms,
            fingerprint=self.spec.fingerprint(),
            code="test",
            settings={ISOLATION: self.spec.source.isolation, **expiry_setting(self.eras)},
            ranges=tuple(
                _range(partition, starts.get(partition, 0), end, listed)
                for partition, end in sorted(self.offsets.items())
            ),
            panes=tuple(Pane.of(p) for p in listed),
            pane_ms=self.pane_ms,
        )
        return replace(row, late_events=sum(pane.events for pane in row.late_panes(self.eras)))

    def _merge(self, kept: pa.Table) -> pa.Table:
        """The groups that this batch touched, as of now."""
        inputs = kept.select([*GROUP, "events", *self.engine.slots])
        state = inputs if self.state is None else pa.concat_tables([self.state, inputs])
        self.state = self.engine.merge(state).select(inputs.column_names)
        touched = set(zip(*(inputs[column].to_pylist() for column in GROUP), strict=True))
        rows = zip(*(self.state[column].to_pylist() for column in GROUP), strict=True)
        return self.state.filter(pa.array([row in touched for row in rows], pa.bool_()))


def _range(partition: int, start: int, end: int, panes: list[dict[str, int]]) -> PartitionRange:
    own = [pane for pane in panes if pane["partition"] == partition]
    events = sum(pane["events"] for pane in own)
    least = min((pane["least"] for pane in own), default=None)
    greatest = max((pane["greatest"] for pane in own), default=None)
    return PartitionRange(partition, start, end, end - start, end - start - events, least, greatest)
