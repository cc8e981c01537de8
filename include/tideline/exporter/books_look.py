"""Looks at a stream's ledger and its table of anomalies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Dataset, dataset

from tideline.anomalies import ANOMALIES
from tideline.exporter.books_seen import BooksSeen, Score
from tideline.exporter.labels import greatest, key_labels
from tideline.home import Home
from tideline.spec.model import StreamSpec
from tideline.stream_ledger import StreamLedger, open_ledger
from tideline.tables.delta import exists, open_dataset
from tideline.tables.schemas import TIME, StreamTables

SCORED_US: Final = 3_600_000_000
MOST_SCORES: Final = 50
"""Keys of a kind whose anomalies are told one by one."""
_STATUSES: Final = ("raised", "withdrawn")


def look_at_books(home: Home, spec: StreamSpec, now: int) -> BooksSeen:
    ledger = open_ledger(home, spec)
    anomalies = _anomalies(StreamTables(home.tables(spec.name)))
    counts, scores = count_anomalies(anomalies, spec), recent_scores(anomalies, spec, now)
    return BooksSeen(spec.name, ledger.totals, _pending_since(ledger), counts, scores)


def _pending_since(ledger: StreamLedger) -> int | None:
    waiting = (row.batch_at_ms for row in ledger.late_rows if ledger.fates_by_version[row.version].waits)
    return min(waiting, default=None)


def _anomalies(tables: StreamTables) -> Dataset:
    """All that were ever raised: a table that only grows, so a scan takes no more of it than is told."""
    return open_dataset(tables.anomalies) if exists(tables.anomalies) else dataset(ANOMALIES.empty_table())


def count_anomalies(anomalies: Dataset, spec: StreamSpec) -> dict[tuple[str, str], int]:
    """How many stand and do not, by kind; also of the spec's detectors that found none."""
    known = dict.fromkeys(((kind, status) for kind in spec.detectors for status in _STATUSES), 0)
    columns = {**_plain("kind"), "stands": pc.field("withdrawn_at").is_null()}
    counted = anomalies.to_table(columns=columns).group_by(["kind", "stands"]).aggregate([([], "count_all")])
    return known | {(row["kind"], _STATUSES[not row["stands"]]): row["count_all"] for row in counted.to_pylist()}


def recent_scores(anomalies: Dataset, spec: StreamSpec, now: int) -> list[Score]:
    """Each key's newest anomaly that stands and was raised in the last hour; of a kind those of the greatest score."""
    is_recent = pc.field("raised_at") > pa.scalar(now * 1000 - SCORED_US, TIME)
    columns = _plain("kind", "metric", "key", "window_end", "score")
    rows = anomalies.to_table(columns=columns, filter=pc.field("withdrawn_at").is_null() & is_recent)
    newest: dict[str, dict[str, dict[str, Any]]] = {}
    for row in _newest(rows.filter(pc.is_in(rows["metric"], pa.array(list(spec.metrics))))).to_pylist():
        newest.setdefault(row["kind"], {})[row["key"]] = row
    return [score for kind, by_key in sorted(newest.items()) for score in _greatest(kind, by_key, spec)]


def _plain(*names: str) -> dict[str, Any]:
    """Columns as the schema has them: after a merge a text may be of another Arrow type."""
    return {name: pc.field(name).cast(ANOMALIES.field(name).type) for name in names}


def _newest(rows: pa.Table) -> pa.Table:
    """Of each kind and key the row of the newest window."""
    ordered = rows.sort_by([("window_end", "descending"), ("metric", "ascending")])
    numbered = ordered.append_column("row", pa.array(range(len(ordered)), pa.int64()))
    return ordered.take(numbered.group_by(["kind", "key"]).aggregate([("row", "min")])["row_min"])


def _greatest(kind: str, by_key: Mapping[str, Mapping[str, Any]], spec: StreamSpec) -> Iterable[Score]:
    weighed = ((key, _size(row["score"]), row) for key, row in by_key.items())
    for row in greatest(weighed, MOST_SCORES):
        columns, values = spec.metrics[row["metric"]].keys, json.loads(row["key"])
        if len(columns) == len(values):  # an older spec's metric of this name may have had other keys
            yield Score(kind, key_labels(columns, values), float("nan") if row["score"] is None else row["score"])


def _size(score: float | None) -> float | None:
    return None if score is None else abs(score)
