"""The published tables while the stream runs: the driver's newest parts at once, windows closed as E passes them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import GROUP
from tideline.engine.publish import Publisher
from tideline.engine.slots import slot_columns
from tideline.generations import Era, era_of_generation
from tideline.lateness import extra_delay_us
from tideline.ledger import LedgerRow
from tideline.tables.books import last_window_us, read_inputs, read_last_row, read_parts
from tideline.tables.delta import last_version
from tideline.tables.detection import Detection
from tideline.tables.publication import Publication, named, of_groups
from tideline.tables.published import Claim, Closing, Published, read_published, write_published
from tideline.tables.schemas import PUBLISHED_WRITER, TIME, StreamTables, correction_schema
from tideline.versions import version_of

_WRITERS: Final = 2
"""Tables written at once."""


class LivePublisher:
    """Publishes each batch of one driver; remembers which windows are open, so that it can close them.

    `recover` first: it publishes what a killed driver had committed and not yet published. Windows that may have
    inputs beside this generation's parts are published from all of them.
    """

    def __init__(self, tables: StreamTables, eras: Sequence[Era], generation: int) -> None:
        self._tables = tables
        self._era = era_of_generation(eras, generation)
        self._publication = Publication(tables, eras)
        self._detection = Detection(tables, eras)
        self._publisher = Publisher(self._era.spec, self._era.first_version)
        self._claim = Claim.of(self._era, eras)
        self._open: dict[str, set[int]] = {name: set() for name in self._era.spec.metrics}
        self._shared_until_us = last_window_us(tables, self._era, version_of(generation, 0))
        self._nothing = correction_schema(slot_columns(self._publisher.plans.values())).empty_table()

    def recover(self) -> None:
        """Brings the published tables to the last committed batch."""
        last = read_last_row(self._tables)
        if last is None:
            return
        for name in self._open:
            rows = read_published(self._tables.published(name), pc.field("is_open"))
            if rows is not None:
                self._open[name] = _ends(rows)
        seen = [last_version(self._tables.published(name), PUBLISHED_WRITER) or 0 for name in self._open]
        behind = pc.field("version") > max(min(seen), self._era.first_version)
        self.publish(read_parts(self._tables, self._era.spec, behind), last)
        self._detect_again(last)

    def publish(self, parts: pa.Table, row: LedgerRow) -> int:
        """Publishes parts of this driver's batches, and closes the windows that E has passed; the rows changed."""
        watermark_ms = self._era.watermark_ms(row)
        shared = pc.less_equal(parts["window_end"], pa.scalar(self._shared_until_us, TIME))
        merged = self._merge_own(parts.filter(pc.invert(shared)), row.version)
        if pc.any(shared).as_py():
            merged = pa.concat_tables([merged, self._merge_shared(parts.filter(shared)).cast(merged.schema)])
        finished = self._publisher.finish(merged, watermark_ms)
        closing = {name: self._closing(name, watermark_ms) for name in finished}
        paths = {name: self._tables.published(name) for name in finished}

        def write(name: str) -> Published:
            return write_published(paths[name], finished[name], row.version, closing=closing[name], claim=self._claim)

        with ThreadPoolExecutor(_WRITERS) as writers:
            written = dict(zip(finished, writers.map(write, finished), strict=True))
        changed = 0
        for name, rows in finished.items():
            ends = closing[name].ends_us
            changed += written[name].changed + self._publication.publish(named(written[name].undecided, name))
            self._open[name] = (self._open[name] - ends) | _ends(rows.filter(rows["is_open"]))
            self._detect(name, ends | _ends(rows.filter(pc.invert(rows["is_open"]))), row)
        return changed

    def _closing(self, metric: str, watermark_ms: int) -> Closing:
        """The open windows that E has passed."""
        limit_us = watermark_ms * 1000 - extra_delay_us(self._era.spec, metric)
        ends = frozenset(end for end in self._open[metric] if end <= limit_us)
        return Closing(ends, self._era.spec.metrics[metric].window)

    def _detect(self, metric: str, ends: frozenset[int] | set[int], row: LedgerRow) -> None:
        if ends:
            times = pa.array(sorted(ends), pa.int64()).cast(TIME)
            self._detection.look_at_windows(metric, pc.field("window_end").isin(times), row)

    def _detect_again(self, last: LedgerRow) -> None:
        """Judges the windows that the last batch closed: its driver may have been killed before it did."""
        self._detection.settle(last)
        for name in self._open:
            extra = extra_delay_us(self._era.spec, name)
            after, until = (ms * 1000 - extra for ms in (last.late_ms, last.watermark_ms))
            end = pc.field("window_end")
            closed = (end > pa.scalar(after, TIME)) & (end <= pa.scalar(until, TIME))
            self._detection.look_at_windows(name, closed, last)

    def _merge_own(self, parts: pa.Table, version: int) -> pa.Table:
        """Groups that only this generation knows; a single batch holds each once."""
        if pc.all(pc.equal(parts["version"], version)).as_py():
            return self._publisher.of_batch(parts)
        return self._publisher.merge(parts, self._nothing)

    def _merge_shared(self, parts: pa.Table) -> pa.Table:
        """Groups of this batch that older generations know too, from all their inputs."""
        windows = pc.field("window_end").isin(pc.unique(parts["window_end"]))
        inputs = of_groups(read_inputs(self._tables, self._era, windows), parts.select(GROUP))
        return self._publisher.merge(inputs.parts, inputs.corrections, inputs.overrides)


def _ends(rows: pa.Table) -> set[int]:
    return set(pc.unique(rows["window_end"].cast(pa.int64())).to_pylist())
