"""Batches without a ledger row: found by their numbers, and given rows again. Pure, but for the reading of records.

Where the checkpoint still has a batch's entry its row is rebuilt, and is what it was. Where it has not, the last of
the inferred rows stands for the batches: the watermarks on either side say what they have certainly dropped, and what
perhaps.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from tideline.checkpoint import Ends, OffsetEntry
from tideline.engine.cells import Engine
from tideline.generations import Cut, Era
from tideline.isolation import ISOLATION
from tideline.lateness import extra_delay_us, pane_ms
from tideline.ledger import LedgerRow, Pane, PartitionRange, RowSource, ends_of
from tideline.recompute import ReadRanges
from tideline.spec.model import StreamSpec
from tideline.versions import batch_of, generation_of, version_of

Spans = Mapping[int, tuple[int, int]]
"""Half-open offsets by partition."""


class OffsetLog(Protocol):
    """What is asked of a checkpoint."""

    def last_commit(self) -> int | None: ...
    def last_offsets(self) -> int | None: ...
    def offsets(self, batch: int) -> OffsetEntry | None: ...
    def late_watermark_ms(self, batch: int) -> int | None: ...
    def starts(self, batch: int) -> Ends | None: ...


@dataclass(frozen=True)
class Gap:
    """Batches `first` to `last` of a generation that have no ledger row."""

    generation: int
    first: int
    last: int


def find_gaps(versions: Iterable[int], newest: int, last_commit: int | None, erased: int = -1) -> list[Gap]:
    """The gaps between the ledgered versions, and behind them those that the newest generation's checkpoint commits.
    Up to the version `erased` none is missing.

    Batches lost from the end of an older generation leave no number: `tables.lost_ends` finds those.
    """
    done: dict[int, list[int]] = {newest: []}
    for version in versions:
        if version > erased:
            done.setdefault(generation_of(version), []).append(batch_of(version))
    if last_commit is not None:
        done[newest].append(last_commit + 1)
    return [
        Gap(generation, before + 1, after - 1)
        for generation, batches in sorted(done.items())
        for before, after in _neighbours(batch_of(erased) if generation_of(erased) == generation else -1, batches)
        if after - before > 1
    ]


def _neighbours(first: int, batches: Iterable[int]) -> Iterable[tuple[int, int]]:
    return pairwise([first, *sorted(batches)])


@dataclass(frozen=True)
class Repair:
    """What rows are made from: the stream's eras, spec and checkpoint of the gap's generation, the topic's records."""

    eras: Sequence[Era]
    spec: StreamSpec
    log: OffsetLog
    read: ReadRanges
    topic_id: str

    @property
    def topic(self) -> str:
        return self.spec.source.topic

    def fill(
        self,
        gap: Gap,
        before: LedgerRow | Cut,
        after: LedgerRow | Cut | None,
        corrected: Container[int] = (),
    ) -> list[LedgerRow]:
        """The missing rows: each batch's own where the checkpoint has them, else one stands for all.

        `before` is the row of the batch before, or the generation's cut; `after` that of the batch after, if any, or
        the cut at which the next generation went on. `corrected` are versions that have corrections.
        """
        last = self._last_before(after, gap.first) if isinstance(after, Cut) else gap.last
        if last is not None and last >= gap.last:
            rebuilt = [self._rebuilt(gap.generation, batch) for batch in range(gap.first, last + 1)]
            complete = [row for row in rebuilt if row is not None]
            if len(complete) == len(rebuilt):
                return complete
        if after is None:
            raise LookupError(f"{gap} has neither a checkpoint entry for each batch nor a ledger row after it")
        return self._inferred(gap, before, after, corrected)

    def _last_before(self, cut: Cut, first: int) -> int | None:
        """The last batch in the checkpoint, from `first` on, that ends where the cut begins."""
        for batch in range(self.log.last_offsets() or 0, first - 1, -1):
            entry = self.log.offsets(batch)
            ends = entry.ends.get(self.topic, {}) if entry else {}
            if ends and all(cut.starts.get(partition) == end for partition, end in ends.items()):
                return batch
        return None

    def _rebuilt(self, generation: int, batch: int) -> LedgerRow | None:
        entry, starts, late_ms = self.log.offsets(batch), self.log.starts(batch), self.log.late_watermark_ms(batch)
        if entry is None or starts is None or late_ms is None:
            return None
        first = starts.get(self.topic, {})
        spans = {part: (first.get(part, 0), end) for part, end in sorted(entry.ends.get(self.topic, {}).items())}
        row = self._row(version_of(generation, batch), spans, late_ms, entry.watermark_ms)
        return replace(row, batch_at_ms=entry.timestamp_ms)

    def _inferred(
        self, gap: Gap, before: LedgerRow | Cut, after: LedgerRow | Cut, corrected: Container[int]
    ) -> list[LedgerRow]:
        """The last batch without corrections stands for all: what has some was corrected whole, whatever it dropped."""
        batches = range(gap.first, gap.last + 1)
        mended = {batch for batch in batches if version_of(gap.generation, batch) in corrected}
        standing = max((batch for batch in batches if batch not in mended), default=gap.last)
        low_ms = 0 if mended or isinstance(before, Cut) else before.watermark_ms
        high_ms, at_ms = self._known_after(after)
        row = self._row(version_of(gap.generation, standing), _between(before, after), low_ms, high_ms)
        doubtful = replace(row, source=RowSource.INFERRED, doubt_ms=high_ms, batch_at_ms=at_ms)
        late = sum(pane.events for pane in doubtful.late_panes(self.eras))
        unsure = (pane.events for pane in doubtful.panes if any(doubtful.doubtful_windows(self.eras, pane)))
        row = replace(doubtful, late_events=late + sum(unsure))
        return [row if batch == standing else _nothing_of(row, batch) for batch in batches]

    def _known_after(self, after: LedgerRow | Cut) -> tuple[int, int]:
        """The watermark that no batch of the gap dropped beyond, and a time after them, both in ms.

        A cut keeps the watermark its era had reached; where the spec changed, the bound was made from it.
        """
        if isinstance(after, LedgerRow):
            return after.late_ms, after.batch_at_ms
        if after.bound_us is None:
            return after.closed_ms, after.at_ms
        longest = max(extra_delay_us(self.spec, name) for name in self.spec.metrics)
        return max(0, -(-(after.bound_us + longest) // 1000)), after.at_ms

    def _row(self, version: int, spans: Spans, late_ms: int, watermark_ms: int) -> LedgerRow:
        spec, pane = self.spec, pane_ms(*(era.spec for era in self.eras))
        ranges, panes = _look(Engine(spec, pane=pane), self.read, spans)
        row = LedgerRow(
            version=version,
            epoch=0,
            topic=self.topic,
            topic_id=self.topic_id,
            batch_at_ms=0,
            late_ms=late_ms,
            watermark_ms=watermark_ms,
            fingerprint=spec.fingerprint(),
            code="",
            settings={ISOLATION: spec.source.isolation},
            ranges=ranges,
            panes=panes,
            pane_ms=pane,
            source=RowSource.REBUILT,
        )
        return replace(row, late_events=sum(pane.events for pane in row.late_panes(self.eras)))


def _between(before: LedgerRow | Cut, after: LedgerRow | Cut) -> Spans:
    """The offsets that nobody's row holds: a partition that is new after them begins at 0."""
    starts = before.starts if isinstance(before, Cut) else ends_of(before)
    ends = after.starts if isinstance(after, Cut) else {part.partition: part.start for part in after.ranges}
    return {part: (starts.get(part, 0), max(end, starts.get(part, 0))) for part, end in ends.items()}


def _nothing_of(row: LedgerRow, batch: int) -> LedgerRow:
    """The row of a batch for which an inferred one stands: it takes its number, and holds nothing."""
    is_after = batch > row.batch
    places = [(part.partition, part.end if is_after else part.start) for part in row.ranges]
    return replace(
        row,
        version=version_of(row.generation, batch),
        watermark_ms=row.watermark_ms if is_after else row.late_ms,
        ranges=tuple(PartitionRange(partition, at, at, 0, 0, None, None) for partition, at in places),
        panes=(),
        late_events=0,
        doubt_ms=None,
    )


def _look(engine: Engine, read: ReadRanges, spans: Spans) -> tuple[tuple[PartitionRange, ...], tuple[Pane, ...]]:
    """What stands between the offsets: a range a partition, and its panes."""
    rows = dict.fromkeys(spans, 0)
    panes: dict[tuple[int, int], dict[str, int]] = {}
    for records in read({part: [span] for part, span in spans.items() if span[0] < span[1]}):
        engine.load(records)
        for partition, count in engine.rows_by_partition().items():
            rows[partition] += count
        for pane in engine.panes().to_pylist():
            place = pane["partition"], pane["pane"]
            panes[place] = _joined(panes[place], pane) if place in panes else pane
    ranges = tuple(_range(part, span, rows[part], panes.values()) for part, span in sorted(spans.items()))
    return ranges, tuple(Pane.of(p) for _, p in sorted(panes.items()))


def _joined(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {
        **one,
        "events": one["events"] + other["events"],
        **{name: min(one[name], other[name]) for name in ("first_offset", "least")},
        **{name: max(one[name], other[name]) for name in ("last_offset", "greatest")},
    }


def _range(partition: int, span: tuple[int, int], rows: int, panes: Iterable[dict[str, int]]) -> PartitionRange:
    own = [pane for pane in panes if pane["partition"] == partition]
    return PartitionRange(
        partition=partition,
        start=span[0],
        end=span[1],
        rows=rows,
        rejects=rows - sum(pane["events"] for pane in own),
        least=min((pane["least"] for pane in own), default=None),
        greatest=max((pane["greatest"] for pane in own), default=None),
    )
