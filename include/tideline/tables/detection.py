"""Runs detectors on closed windows: on those that a batch closes, and on those that a correction reaches.

Only windows of one era are held against each other: what another spec published is not the same measure.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.anomalies import Group, Judgement, Moment
from tideline.engine.detection import FARTHEST_US, affected, detect
from tideline.engine.publish import published_schema
from tideline.engine.relations import within
from tideline.generations import Era
from tideline.ledger import LedgerRow
from tideline.spec.detectors import AnyDetector
from tideline.tables.anomalies import (
    commit_anomalies,
    detectors_behind,
    in_microseconds,
    judged_by,
    mark_behind,
    mark_caught_up,
    mark_judged,
    read_anomalies,
)
from tideline.tables.published import read_published
from tideline.tables.schemas import TIME, StreamTables
from tideline.troubles import Attempt, must

Find = Callable[[AnyDetector, pa.Table], pa.Table]
"""The anomalies among closed windows, as `detect` finds them."""
Verdicts = dict[str, list[Callable[[], Judgement]]]
"""By a detector's kind what asks it, once an era."""
NONE_BEHIND: Final[Mapping[str, int]] = MappingProxyType({})


class Detection:
    """The detectors of a stream's eras, over its published tables.

    A detector whose `attempt` fails is marked as behind in the table of anomalies, and judges every closed window once
    it works again; the others go on.
    """

    def __init__(self, tables: StreamTables, eras: Sequence[Era], attempt: Attempt = must, find: Find = detect) -> None:
        self._tables = tables
        self._every = eras
        self._eras = [era for era in eras if era.spec.detectors]
        self._kinds = sorted({kind for era in self._eras for kind in era.spec.detectors})
        self._attempt = attempt
        self._find = find

    def settle(self, last: LedgerRow) -> int:
        """Judges every closed window again if the detectors, or the eras, are others than the last time."""
        told = [(era.first, era.spec.model_dump_json(include={"detectors"})) for era in self._every]
        mark = int.from_bytes(hashlib.sha256(repr(told).encode()).digest()[:7])
        known = judged_by(self._tables)
        if known is None and not self._eras:
            return 0
        if known == mark:
            return self.catch_up(last)
        changed = self._commit(last, self._everything)
        mark_judged(self._tables, mark)
        return changed

    def set_back(self) -> None:
        """All detectors are behind: some windows were not judged, and it is not known which."""
        mark_behind(self._tables, frozenset(self._kinds))

    def catch_up(self, last: LedgerRow) -> int:
        """Judges every closed window by the detectors that are behind, whoever saw them fail."""
        behind = detectors_behind(self._tables, self._kinds)
        if not behind:
            return 0
        return self._commit(last, lambda: self._everything(behind.keys()), behind)

    def _commit(self, last: LedgerRow, judge: Callable[[], Verdicts], behind: Mapping[str, int] = NONE_BEHIND) -> int:
        """Commits what the detectors say that work; those that are `behind` are no more, those that fail now are."""
        failed: set[str] = set()

        def judgements() -> list[Judgement]:
            said: dict[str, list[Judgement]] = {}
            for kind, ask in judge().items():
                if not self._attempt(f"detector {kind}", partial(_ask, ask, said.setdefault(kind, []))):
                    del said[kind]
                    failed.add(kind)
            return [judgement for each in said.values() for judgement in each]

        now = Moment(last.batch_at_ms * 1000, last.generation)
        changed = commit_anomalies(self._tables, judgements, now)
        if failed - behind.keys():
            mark_behind(self._tables, failed - behind.keys())
        if behind.keys() - failed:
            mark_caught_up(self._tables, {kind: at for kind, at in behind.items() if kind not in failed})
        return changed

    def _everything(self, only: Set[str] | None = None) -> Verdicts:
        """What each detector says of every closed window; of `only` these detectors, or of all there are and were."""
        raised = read_anomalies(self._tables, raised_only=True)
        kinds = set(zip(raised["kind"].to_pylist(), raised["metric"].to_pylist(), strict=True))
        asked: Verdicts = defaultdict(list)
        for era in self._every:
            own = within(raised, era.bounds)
            gone = kinds - {(kind, detector.metric) for kind, detector in era.spec.detectors.items()}
            for kind, metric in sorted(each for each in gone if only is None or each[0] in only):
                asked[kind].append(partial(_none_left, kind, metric, own))
            for kind, detector in era.spec.detectors.items():
                if only is None or kind in only:
                    asked[kind].append(partial(self._of_every_window, era, kind, detector, own))
        return asked

    def _of_every_window(self, era: Era, kind: str, detector: AnyDetector, raised: pa.Table) -> Judgement:
        closed = self._rows(era, detector, ~pc.field("is_open"))
        judged = _groups(closed) | _groups(_of(raised, kind, detector.metric))
        return Judgement(kind, detector.metric, judged, in_microseconds(self._find(detector, closed)))

    def look(self, changed: pa.Table, last: LedgerRow | None) -> int:
        """Judges the groups (metric, window_end, key) that changed, and the windows that look back upon them.

        Open windows among them are left. Returns the anomalies that were raised, changed or withdrawn.
        """
        if last is None or not self._wanted(changed):
            return 0
        return self._commit(last, lambda: self.verdicts(changed))

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

    def verdicts(self, changed: pa.Table) -> Verdicts:
        """What the detectors say of the groups, and of the windows that look back upon them, as published now."""
        asked: Verdicts = defaultdict(list)
        for era, kind, detector, groups in self._wanted(changed):
            asked[kind].append(partial(self._of_groups, era, kind, detector, groups))
        return asked

    def _of_groups(self, era: Era, kind: str, detector: AnyDetector, groups: pa.Table) -> Judgement:
        closed = self._closed(era, detector, groups)
        judged = _groups(affected(detector, closed, groups))
        found = [row for row in in_microseconds(self._find(detector, closed)) if _group(row) in judged]
        return Judgement(kind, detector.metric, judged - self._still_open(era, detector, groups), found)

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


def _none_left(kind: str, metric: str, raised: pa.Table) -> Judgement:
    """A detector that there was: what it raised is withdrawn."""
    return Judgement(kind, metric, _groups(_of(raised, kind, metric)), [])


def _ask(asked: list[Callable[[], Judgement]], into: list[Judgement]) -> None:
    into.extend([ask() for ask in asked])
