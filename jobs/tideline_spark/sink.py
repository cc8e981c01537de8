"""What happens to a batch: epoch check, one `toArrow()`, the commit, publication. In this order, once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from tideline import __version__
from tideline.batch_done import BatchDone
from tideline.checkpoint import CheckpointLog, Ends, OffsetEntry
from tideline.engine.slots import slot_columns, stream_plans
from tideline.generations import Era
from tideline.isolation import ISOLATION
from tideline.lateness import extra_delay_us, pane_ms
from tideline.ledger import LedgerRow, Pane, PartitionRange, expiry_setting
from tideline.spec.model import StreamSpec
from tideline.tables.batch import commit_batch, group_rows
from tideline.tables.compaction import tidy_after
from tideline.tables.live import LivePublisher, Published
from tideline.tables.schemas import TIME, StreamTables
from tideline.troubles import Attempt, must
from tideline.versions import version_of
from tideline_spark.batch_log import in_batch
from tideline_spark.books import Books, ChunkBooks, refused_of, take_batch
from tideline_spark.exits import StateLost
from tideline_spark.rule_settings import rule_settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Which driver writes: its stream's spec and eras, epoch and generation, and the topic's id when it started."""

    spec: StreamSpec
    eras: tuple[Era, ...]
    epoch: int
    generation: int
    topic_id: str

    @property
    def pane_ms(self) -> int:
        """Fine enough for every era: events of one pane share all their windows."""
        return pane_ms(*(era.spec for era in self.eras))


class BatchSink:
    """The function given to `foreachBatch`."""

    def __init__(
        self,
        identity: Identity,
        checkpoint: CheckpointLog,
        tables: StreamTables,
        books: Books,
        *,
        check_batch: Callable[[], None],
        done: Callable[[BatchDone], None],
        counter: Callable[[int], dict[str, str]] = lambda _: {},
        attempt: Attempt = must,
        published: Published = lambda rows, row: None,
    ) -> None:
        self._identity = identity
        self._checkpoint = checkpoint
        self._tables = tables
        self._books = books
        self._check_batch = check_batch
        self._done = done
        self._counter = counter
        self._slots = slot_columns(stream_plans(identity.spec).values())
        self._publisher = LivePublisher(tables, identity.eras, identity.generation, attempt, published)
        self._publisher.recover()

    def __call__(self, groups: DataFrame, batch: int) -> None:
        with in_batch(groups.sparkSession, batch):
            self._take(groups, batch)

    def _take(self, groups: DataFrame, batch: int) -> None:
        self._check_batch()
        settings = rule_settings(groups.sparkSession)
        merged = self._window_ends(groups.toArrow())
        chunks = take_batch(self._books, batch)
        row = self._ledger_row(batch, chunks, settings | self._counter(batch))
        refused = refused_of(chunks)
        fresh = commit_batch(self._tables, self._slots, merged, row, refused)
        log.info(
            "batch %d is %s: %d records, %d rejects, %d late, %d groups",
            batch, "committed" if fresh else "there already", row.rows, row.rejects, row.late_events, len(merged),
        )  # fmt: skip
        parts = group_rows(self._slots, merged, row.version, row.batch_at_ms)
        changed = self._publisher.publish(parts, row)
        log.info("batch %d is published: %d rows changed", batch, changed)
        ends = {part.partition: part.end for part in row.ranges}
        tidy_after(batch, self._tables, tuple(self._identity.spec.metrics))
        late_version = row.version if row.late_events else None
        reasons = Counter(refused["reason"].to_pylist())
        self._done(
            BatchDone(
                batch, row.rows, len(merged), row.watermark_ms, ends, late_version, row.late_events, reasons, fresh
            )
        )

    def _window_ends(self, groups: pa.Table) -> pa.Table:
        """Adds `window_end`: `drop_at` less what the metric keeps its windows longer."""
        ends = groups["drop_at"].cast(TIME)
        for name in self._identity.spec.metrics:
            extra = extra_delay_us(self._identity.spec, name)
            if extra:
                earlier = pc.subtract(ends, pa.scalar(extra, pa.duration("us")))
                ends = pc.if_else(pc.equal(groups["metric"], name), earlier, ends)
        return groups.append_column("window_end", ends)

    def _ledger_row(self, batch: int, chunks: list[ChunkBooks], settings: dict[str, str]) -> LedgerRow:
        entry, starts = self._checkpoint.offsets(batch), self._checkpoint.starts(batch)
        late_ms = self._checkpoint.late_watermark_ms(batch)
        if entry is None or starts is None or late_ms is None:
            raise StateLost(f"batch {batch} has no complete entry in the offset log: the checkpoint was changed")
        spec = self._identity.spec
        row = LedgerRow(
            version=version_of(self._identity.generation, batch),
            epoch=self._identity.epoch,
            topic=spec.source.topic,
            topic_id=self._identity.topic_id,
            batch_at_ms=entry.timestamp_ms,
            late_ms=late_ms,
            watermark_ms=entry.watermark_ms,
            fingerprint=spec.fingerprint(),
            code=__version__,
            settings=settings | {ISOLATION: spec.source.isolation} | expiry_setting(self._identity.eras),
            ranges=_ranges(spec.source.topic, starts, entry, chunks),
            panes=_panes(chunks),
            pane_ms=self._identity.pane_ms,
        )
        return replace(row, late_events=sum(pane.events for pane in row.late_panes(self._identity.eras)))


def _ranges(topic: str, starts: Ends, entry: OffsetEntry, chunks: list[ChunkBooks]) -> tuple[PartitionRange, ...]:
    first = starts.get(topic, {})
    return tuple(
        _range(partition, first.get(partition, 0), end, chunks)
        for partition, end in sorted(entry.ends.get(topic, {}).items())
    )


def _range(partition: int, start: int, end: int, chunks: list[ChunkBooks]) -> PartitionRange:
    shares = [chunk.shares[partition] for chunk in chunks if partition in chunk.shares]
    return PartitionRange(
        partition=partition,
        start=start,
        end=end,
        rows=sum(share.rows for share in shares),
        rejects=sum(share.rejects for share in shares),
        least=min((share.least for share in shares if share.least is not None), default=None),
        greatest=max((share.greatest for share in shares if share.greatest is not None), default=None),
    )


def _panes(chunks: list[ChunkBooks]) -> tuple[Pane, ...]:
    """Panes of all chunks, those of one partition and time added up."""
    merged: dict[tuple[int, int], Pane] = {}
    for pane in (pane for chunk in chunks for share in chunk.shares.values() for pane in share.panes):
        known = merged.get((pane.partition, pane.pane), pane)
        merged[pane.partition, pane.pane] = Pane(
            pane.partition,
            pane.pane,
            pane.events + (known.events if known is not pane else 0),
            min(pane.first_offset, known.first_offset),
            max(pane.last_offset, known.last_offset),
        )
    return tuple(merged[place] for place in sorted(merged))
