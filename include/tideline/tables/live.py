"""The published tables while the stream runs: the driver's newest parts at once, windows closed as E passes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import GROUP
from tideline.engine.publish import Publisher
from tideline.engine.relations import restrict
from tideline.engine.slots import slot_columns
from tideline.generations import Era, era_of_generation
from tideline.lateness import extra_delay_us
from tideline.ledger import LedgerRow
from tideline.logs.context import carried
from tideline.tables.anomalies import note_unjudged, take_unjudged
from tideline.tables.books import last_window_us, read_inputs, read_last_row, read_parts, read_removed
from tideline.tables.delta import last_version
from tideline.tables.detection import Detection
from tideline.tables.publication import Publication, named, of_groups
from tideline.tables.published import Claim, Closing, read_published, write_published
from tideline.tables.schemas import PUBLISHED_WRITER, TIME, StreamTables, correction_schema
from tideline.troubles import ANOMALIES_PART, Attempt, must, table_part
from tideline.versions import version_of

Published = Callable[[Mapping[str, pa.Table], LedgerRow], None]
"""Takes the rows of a batch by metric, with its ledger row."""

_WRITERS: Final = 2
"""Tables written at once."""


@dataclass(frozen=True)
class Written:
    """Rows of a metric's table that changed, and the ends (us) of windows that are closed by it."""

    changed: int
    closed_us: Set[int]


class LivePublisher:
    """Publishes each batch of one driver; remembers which windows are open, so that it can close them.

    `recover` first: it publishes what a killed driver had committed and not yet published. Windows that may have
    inputs beside this generation's parts are published from all of them. A table whose `attempt` fails is behind, and
    caught up with when it works again; the others go on. `published` is told the rows of each batch, by metric.
    """

    def __init__(
        self,
        tables: StreamTables,
        eras: Sequence[Era],
        generation: int,
        attempt: Attempt = must,
        published: Published = lambda rows, row: None,
    ) -> None:
        self._tables = tables
        self._published = published
        self._era = era_of_generation(eras, generation)
        self._attempt = attempt
        self._publication = Publication(tables, eras)
        self._one_at_a_time = threading.Lock()
        self._detection = Detection(tables, eras, attempt)
        self._publisher = Publisher(self._era.spec, self._era.first_version)
        self._claim = Claim.of(self._era, eras)
        self._open: dict[str, set[int]] = {name: set() for name in self._era.spec.metrics}
        self._behind: dict[str, int] = {}
        """The tables that miss something, each with the watermark (ms) from which on its windows may not be judged."""
        self._shared_until_us = last_window_us(tables, self._era, version_of(generation, 0))
        self._nothing = correction_schema(slot_columns(self._publisher.plans.values())).empty_table()

    def recover(self) -> None:
        """Brings the published tables to the last committed batch."""
        last = read_last_row(self._tables)
        if last is not None:
            self._behind = dict.fromkeys(self._open, last.late_ms)
            closed: dict[str, Set[int]] = {}
            self._catch_up(last, closed)
            self._judge(closed, last, self._detection.settle)

    def publish(self, parts: pa.Table, row: LedgerRow) -> int:
        """Publishes parts of this driver's batches, and closes the windows that E has passed; the rows changed."""
        finished = self._finish(parts, row)
        done: dict[str, Written] = {}

        def write(name: str) -> None:
            if not self._attempt(table_part(name), lambda: done.update({name: self._write(name, finished[name], row)})):
                self._behind[name] = row.late_ms

        behind = list(self._behind)
        with ThreadPoolExecutor(_WRITERS) as writers:
            list(writers.map(carried(write), [name for name in finished if name not in behind]))
        closed = {name: done[name].closed_us for name in finished if name in done}
        changed = sum(each.changed for each in done.values())
        if behind:
            changed += self._catch_up(row, closed)
        self._judge(closed, row, self._detection.catch_up)
        self._published(finished, row)
        return changed

    def _catch_up(self, row: LedgerRow, closed: dict[str, Set[int]]) -> int:
        """Publishes what tables that are behind miss, from all parts since they were last published; groups that a
        backfill has removed since are not put back.

        Returns the rows changed, and adds to `closed` by metric which of their windows are to be judged.
        """
        changed = 0
        parts_since = cache(lambda version: read_parts(self._tables, self._era.spec, pc.field("version") > version))
        removed_since = cache(lambda version: read_removed(self._tables, version))

        def catch_up(name: str) -> None:
            nonlocal changed
            path = self._tables.published(name)
            is_open = read_published(path, pc.field("is_open"))
            self._open[name] = set() if is_open is None else _ends(is_open)
            seen = max(last_version(path, PUBLISHED_WRITER) or 0, self._era.first_version)
            parts = parts_since(seen)
            own = parts.filter(pc.equal(parts["metric"], name))
            rows = self._finish(own, row, [name], removed_since(seen))[name]
            written = self._write(name, rows, row, seen)
            changed += written.changed
            closed[name] = written.closed_us | self._closed_since(name, self._behind[name], row)
            del self._behind[name]

        for name in list(self._behind):
            self._attempt(table_part(name), partial(catch_up, name))
        return changed

    def _judge(self, closed: Mapping[str, Set[int]], row: LedgerRow, settle: Callable[[LedgerRow], object]) -> None:
        def judge() -> None:
            take_unjudged(self._tables, self._detection.set_back)
            for name, ends in closed.items():
                self._detect(name, ends, row)
            settle(row)

        if not self._attempt(ANOMALIES_PART, judge):
            note_unjudged(self._tables)

    def _finish(
        self, parts: pa.Table, row: LedgerRow, names: Collection[str] | None = None, removed: pa.Table | None = None
    ) -> dict[str, pa.Table]:
        """Rows by metric; of groups that are among the `removed` from all their inputs."""
        is_shared = pc.less_equal(parts["window_end"], pa.scalar(self._shared_until_us, TIME))
        own, shared = parts.filter(pc.invert(is_shared)), parts.filter(is_shared)
        if removed is not None:
            shared = pa.concat_tables([shared, restrict(own, removed, GROUP)])
            own = restrict(own, removed, GROUP, present=False)
        merged = self._merge_own(own, row.version)
        if len(shared):
            merged = pa.concat_tables([merged, self._merge_shared(shared).cast(merged.schema)])
        return self._publisher.finish(merged, self._era.watermark_ms(row), names)

    def _write(self, name: str, rows: pa.Table, row: LedgerRow, since: int | None = None) -> Written:
        """Writes rows, and looks whether a backfill removed one of the groups meanwhile: its override is pinned at the
        version `since` or later, by default at the row's own."""
        closing = self._closing(name, self._era.watermark_ms(row))
        path = self._tables.published(name)
        written = write_published(path, rows, row.version, closing=closing, claim=self._claim)
        changed = written.changed
        closed_us = _ends(rows.filter(pc.invert(rows["is_open"])))
        again = [named(written.undecided, name)]
        if closed_us or since is not None:
            removed = read_removed(self._tables, row.version if since is None else since)
            again.append(removed.filter(pc.equal(removed["metric"], name)))
        for groups in again:
            if len(groups):
                with self._one_at_a_time:
                    changed += self._publication.publish(groups)
        self._open[name] = (self._open[name] - closing.ends_us) | _ends(rows.filter(rows["is_open"]))
        return Written(changed, closing.ends_us | closed_us)

    def _closing(self, metric: str, watermark_ms: int) -> Closing:
        """The open windows that E has passed."""
        limit_us = watermark_ms * 1000 - extra_delay_us(self._era.spec, metric)
        ends = frozenset(end for end in self._open[metric] if end <= limit_us)
        return Closing(ends, self._era.spec.metrics[metric].window)

    def _detect(self, metric: str, ends: Set[int], row: LedgerRow) -> None:
        if ends:
            times = pa.array(sorted(ends), pa.int64()).cast(TIME)
            self._detection.look_at_windows(metric, pc.field("window_end").isin(times), row)

    def _closed_since(self, metric: str, late_ms: int, row: LedgerRow) -> set[int]:
        """The ends of windows that a watermark closed after this one, and up to the row's: whoever closed them may
        have been stopped before they were judged."""
        extra = extra_delay_us(self._era.spec, metric)
        after, until = (pa.scalar(ms * 1000 - extra, TIME) for ms in (late_ms, row.watermark_ms))
        end = pc.field("window_end")
        rows = read_published(self._tables.published(metric), (end > after) & (end <= until))
        return set() if rows is None else _ends(rows)

    def _merge_own(self, parts: pa.Table, version: int) -> pa.Table:
        """Groups that only this generation knows; a single batch holds each once."""
        if pc.all(pc.equal(parts["version"], version)).as_py():
            return self._publisher.of_batch(parts)
        return self._publisher.merge(parts, self._nothing)

    def _merge_shared(self, parts: pa.Table) -> pa.Table:
        """Groups of this batch that may have other inputs too, from all of them; those that no event is left of are
        none."""
        windows = pc.field("window_end").isin(pc.unique(parts["window_end"]))
        inputs = of_groups(read_inputs(self._tables, self._era, windows), parts.select(GROUP))
        merged = self._publisher.merge(inputs.parts, inputs.corrections, inputs.overrides)
        return merged.filter(pc.greater(merged["events"], 0))


def _ends(rows: pa.Table) -> set[int]:
    return set(pc.unique(rows["window_end"].cast(pa.int64())).to_pylist())
