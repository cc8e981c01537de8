"""Runs detectors on closed windows: on those that a batch closes, and on those that a correction reaches.

Only windows of one era are held against each other: what another spec published is not the same measure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.anomalies import Group, Judgement, Moment
from tideline.engine.detection import affected, detect
from tideline.engine.publish import published_schema
from tideline.engine.relations import within
from tideline.generations import Era
from tideline.ledger import LedgerRow
from tideline.spec.detectors import AnyDetector
from tideline.tables.anomalies import commit_anomalies, in_microseconds, judged_by, mark_judged, read_anomalies
from tideline.tables.published import read_published
from tideline.tables.schemas import TIME, StreamTables

_FARTHEST_US: Final = 30 * 86_400_000_000
"""No verdict looks further back than this."""
_WIDER: Final = 8


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
                yield Judgement(kind, metric, _groups(own.filter(pc.equal(own["kind"], kind))), [])
            for kind, detector in era.spec.detectors.items():
                closed = self._rows(era, detector, ~pc.field("is_open"))
                judged = _groups(closed) | _groups(own.filter(pc.equal(own["kind"], kind)))
                yield Judgement(kind, detector.metric, judged, in_microseconds(detect(detector, closed)))

    def look(self, changed: pa.Table, last: LedgerRow | None) -> int:
        """Judges the groups (metric, window_end, key) that changed, and the windows that look back upon them.

        Open windows among them are left. Returns the anomalies that were raised, changed or withdrawn.
        """
        wanted = [
            (era, kind, detector, groups)
            for era in self._eras
            for kind, detector in era.spec.detectors.items()
            if len(groups := within(changed.filter(pc.equal(changed["metric"], detector.metric)), era.bounds))
        ]
        if not wanted or last is None:
            return 0
        now = Moment(last.batch_at_ms * 1000, last.generation)
        return commit_anomalies(self._tables, lambda: list(self._judgements(wanted)), now)

    def look_at_windows(self, metric: str, where: pc.Expression, last: LedgerRow) -> int:
        """Judges every group of a metric's windows that have just closed."""
        if not any(metric == detector.metric for era in self._eras for detector in era.spec.detectors.values()):
            return 0
        rows = read_published(self._tables.published(metric), where)
        if rows is None or not len(rows):
            return 0
        groups = rows.select(["window_end", "key"])
        return self.look(groups.append_column("metric", pa.repeat(metric, len(groups))), last)

    def _judgements(self, wanted: Sequence[tuple[Era, str, AnyDetector, pa.Table]]) -> Iterator[Judgement]:
        for era, kind, detector, groups in wanted:
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
        """The closed windows of the groups' keys, from far enough before the first of them to the newest."""
        first_us = pc.min(groups["window_end"].cast(pa.int64())).as_py()
        reach = era.spec.metrics[detector.metric].slide_ms * 1000 * detector.look_back * 2
        while True:
            since = max(first_us - reach, era.bounds.after_us + 1)
            of_keys = pc.field("key").isin(pc.unique(groups["key"]))
            late_enough = pc.field("window_end") >= pa.scalar(since, TIME)
            rows = self._rows(era, detector, ~pc.field("is_open") & of_keys & late_enough)
            is_whole = since > first_us - reach or reach >= _FARTHEST_US
            if is_whole or _has_enough(detector, rows, groups, first_us):
                return rows
            reach = min(reach * _WIDER, _FARTHEST_US)

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


def _has_enough(detector: AnyDetector, rows: pa.Table, groups: pa.Table, first_us: int) -> bool:
    """Whether every key has as many windows with a value before the first as are looked back upon."""
    if not detector.look_back:
        return True
    before = pc.less(rows["window_end"].cast(pa.int64()), first_us)
    valued = rows.filter(pc.and_(before, pc.is_valid(rows[detector.observed])))
    counts = {row["key"]: row["key_count"] for row in valued.group_by("key").aggregate([("key", "count")]).to_pylist()}
    return all(counts.get(key, 0) >= detector.look_back for key in pc.unique(groups["key"]).to_pylist())


def _groups(rows: pa.Table) -> frozenset[Group]:
    ends = rows["window_end"].cast(pa.int64()).to_pylist()
    return frozenset(zip(ends, rows["key"].to_pylist(), strict=True))


def _group(row: dict[str, Any]) -> Group:
    return row["window_end"], row["key"]
