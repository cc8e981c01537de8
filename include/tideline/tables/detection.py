"""Runs detectors on closed windows: on those that a batch closes, and on those that a correction reaches.

Only windows of one era are held against each other: what another spec published is not the same measure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tideline.anomalies import Group, Judgement, Moment
from tideline.engine.detection import FARTHEST_US, affected, detect
from tideline.engine.publish import published_schema
from tideline.engine.relations import within
from tideline.generations import Era
from tideline.ledger import LedgerRow
from tideline.spec.detectors import AnyDetector
from tideline.tables.anomalies import commit_anomalies, in_microseconds, judged_by, mark_judged, read_anomalies
from tideline.tables.published import read_published
from tideline.tables.schemas import TIME, StreamTables


class Detection:
    """The detectors of a stream's eras, over its published tables."""

    def __init__(self, tables: StreamTables, eras: Sequence[Era]) -> None:
        self._tables = tables
        self._every = eras
        self._eras = [era for era in eras if era.spec.detectors]

    def settle(self, last: LedgerRow) -> int:
        """Judges every closed window again if the detectors, or the eras, are others than the last time."""
        told = [(era.first, era.spec.model_dump_json(include={"detectors"})) for era in self._every]
        mark = int.from_bytes(hashlib.sha256(repr(told).encode()).digest()[:7])
        known = judged_by(self._tables)
        if known == mark or (known is None and not self._eras):
            return 0
        now = Moment(last.batch_at_ms * 1000, last.generation)
        changed = commit_anomalies(self._tables, lambda: list(self._everything()), now)
        mark_judged(self._tables, mark)
        return changed

    def _everything(self) -> Iterator[Judgement]:
        raised = read_anomalies(self._tables, raised_only=True)
        kinds = set(zip(raised["kind"].to_pylist(), raised["metric"].to_pylist(), strict=True))
        for era in self._every:
            own = within(raised, era.bounds)
            for kind, metric in sorted(kinds - {(kind, d.metric) for kind, d in era.spec.detectors.items()}):
                yield Judgement(kind, metric, _groups(_of(own, kind, metric)), [])
            for kind, detector in era.spec.detectors.items():
                closed = self._rows(era, detector, ~pc.field("is_open"))
                judged = _groups(closed) | _groups(_of(own, kind, detector.metric))
                yield Judgement(kind, detector.metric, judged, in_microseconds(detect(detector, closed)))

    def look(self, changed: pa.Table, last: LedgerRow | None) -> int:
        """Judges the groups (metric, window_end, key) that changed, and the windows that look back upon them.

        Open windows among them are left. Returns the anomalies that were raised, changed or withdrawn.
        """
        if last is None or not self._wanted(changed):
            return 0
        now = Moment(last.batch_at_ms * 1000, last.generation)
        return commit_anomalies(self._tables, lambda: list(self.judgements(changed)), now)

    def _wanted(self, changed: pa.Table) -> list[tuple[Era, str, AnyDetector, pa.Table]]:
        """The detectors that judge some of the groups, each with those."""
        return [
            (era, kind, detector, groups)
            for era in self._eras
            for kind, detector in era.spec.detectors.items()
            if len(groups := within(changed.filter(pc.equal(changed["metric"], detector.metric)), era.bounds))
        ]

    def look_at_windows(self, metric: str, where: pc.Expression, last: LedgerRow) -> int:
        """Judges every group of a metric's windows that have just closed."""
        if not any(metric == detector.metric for era in self._eras for detector in era.spec.detectors.values()):
            return 0
        rows = read_published(self._tables.published(metric), where)
        if rows is None or not len(rows):
            return 0
        groups = rows.select(["window_end", "key"])
        return self.look(groups.append_column("metric", pa.repeat(metric, len(groups))), last)

    def judgements(self, changed: pa.Table) -> Iterator[Judgement]:
        """What the detectors say of the groups, and of the windows that look back upon them, as published now."""
        for era, kind, detector, groups in self._wanted(changed):
            closed = self._closed(era, detector, groups)
            reached = affected(detector, closed, groups)
            judged = _groups(reached)
            found = [row for row in in_microseconds(detect(detector, closed)) if _group(row) in judged]
            yield Judgement(kind, detector.metric, judged - self._still_open(era, detector, groups), found)

    def _still_open(self, era: Era, detector: AnyDetector, groups: pa.Table) -> frozenset[Group]:
        ends = pc.field("window_end").isin(pc.unique(groups["window_end"]))
        rows = read_published(self._tables.published(detector.metric), pc.field("is_open") & ends)
        return frozenset() if rows is None else _groups(rows)

    def _closed(self, era: Era, detector: AnyDetector, groups: pa.Table) -> pa.Table:
        """The closed windows of the groups' keys, from far enough before the first of them to the newest.

        Most keys have their windows one after the other; only of those that have not is all read that may count.
        """
        first_us = pc.min(groups["window_end"].cast(pa.int64())).as_py()
        near_us = first_us - era.spec.metrics[detector.metric].slide_ms * 1000 * detector.look_back * 2
        rows = self._since(era, detector, pc.unique(groups["key"]), near_us)
        sparse = _without_enough(detector, rows, first_us)
        if not detector.look_back or not len(sparse):
            return rows
        more = self._since(era, detector, sparse, first_us - FARTHEST_US)
        return pa.concat_tables([rows.filter(pc.invert(pc.is_in(rows["key"], value_set=sparse))), more])

    def _since(self, era: Era, detector: AnyDetector, keys: pa.Array, since_us: int) -> pa.Table:
        late_enough = pc.field("window_end") >= pa.scalar(max(since_us, era.bounds.after_us + 1), TIME)
        return self._rows(era, detector, ~pc.field("is_open") & pc.field("key").isin(keys) & late_enough)

    def _rows(self, era: Era, detector: AnyDetector, where: pc.Expression) -> pa.Table:
        """Published rows of the era's windows; a column that the table has not seen yet is null."""
        schema = published_schema(era.spec, detector.metric)
        rows = read_published(self._tables.published(detector.metric), where)
        if rows is None:
            return schema.empty_table()
        columns = [
            rows[field.name] if field.name in rows.column_names else pa.nulls(len(rows), field.type) for field in schema
        ]
        return within(pa.table(columns, schema=schema), era.bounds)


def _without_enough(detector: AnyDetector, rows: pa.Table, first_us: int) -> pa.Array:
    """The keys with a value from the first window on that have fewer windows before it than are looked back upon."""
    valued = rows.filter(pc.is_valid(rows[detector.observed]))
    is_before = pc.less(valued["window_end"].cast(pa.int64()), first_us)
    before = valued.filter(is_before).group_by("key").aggregate([("key", "count")])
    enough = before.filter(pc.greater_equal(before["key_count"], detector.look_back))["key"]
    judged = pc.unique(valued.filter(pc.invert(is_before))["key"])
    return judged.filter(pc.invert(pc.is_in(judged, value_set=enough.combine_chunks())))


def _of(rows: pa.Table, kind: str, metric: str) -> pa.Table:
    return rows.filter(pc.and_(pc.equal(rows["kind"], kind), pc.equal(rows["metric"], metric)))


def _groups(rows: pa.Table) -> frozenset[Group]:
    ends = rows["window_end"].cast(pa.int64()).to_pylist()
    return frozenset(zip(ends, rows["key"].to_pylist(), strict=True))


def _group(row: dict[str, Any]) -> Group:
    return row["window_end"], row["key"]
