"""Looks at a stream's ledger and its table of anomalies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from tideline.exporter.books_seen import BooksSeen, Score
from tideline.exporter.labels import greatest, key_labels
from tideline.home import Home
from tideline.spec.model import StreamSpec
from tideline.stream_ledger import StreamLedger, open_ledger
from tideline.tables.anomalies import in_microseconds, read_anomalies
from tideline.tables.schemas import StreamTables

SCORED_US: Final = 3_600_000_000
MOST_SCORES: Final = 50
"""Keys of a kind whose anomalies are told one by one."""
_STATUSES: Final = ("raised", "withdrawn")


def look_at_books(home: Home, spec: StreamSpec, now: int) -> BooksSeen:
    ledger = open_ledger(home, spec)
    rows = read_anomalies(StreamTables(home.tables(spec.name)))
    counts = count_anomalies(rows, spec)
    return BooksSeen(spec.name, ledger.totals, _pending_since(ledger), counts, recent_scores(rows, spec, now))


def _pending_since(ledger: StreamLedger) -> int | None:
    waiting = (row.batch_at_ms for row in ledger.late_rows if ledger.fates_by_version[row.version].waits)
    return min(waiting, default=None)


def count_anomalies(rows: pa.Table, spec: StreamSpec) -> dict[tuple[str, str], int]:
    """How many stand and do not, by kind; also of the spec's detectors that found none."""
    known = dict.fromkeys(((kind, status) for kind in spec.detectors for status in _STATUSES), 0)
    status = ["raised" if at is None else "withdrawn" for at in rows["withdrawn_at"].to_pylist()]
    return known | Counter(zip(rows["kind"].to_pylist(), status, strict=True))


def recent_scores(rows: pa.Table, spec: StreamSpec, now: int) -> list[Score]:
    """Each key's newest anomaly that stands and was raised in the last hour; of a kind those of the greatest score."""
    newest: dict[str, dict[str, dict[str, Any]]] = {}
    for row in in_microseconds(rows):
        is_recent = row["withdrawn_at"] is None and row["raised_at"] > now * 1000 - SCORED_US
        if not is_recent or row["metric"] not in spec.metrics:
            continue
        found = newest.setdefault(row["kind"], {}).setdefault(row["key"], row)
        if row["window_end"] > found["window_end"]:
            newest[row["kind"]][row["key"]] = row
    return [score for kind, by_key in sorted(newest.items()) for score in _greatest(kind, by_key, spec)]


def _greatest(kind: str, by_key: Mapping[str, Mapping[str, Any]], spec: StreamSpec) -> Iterable[Score]:
    weighed = ((key, _size(row["score"]), row) for key, row in by_key.items())
    for row in greatest(weighed, MOST_SCORES):
        columns, values = spec.metrics[row["metric"]].keys, json.loads(row["key"])
        if len(columns) == len(values):  # an older spec's metric of this name may have had other keys
            yield Score(kind, key_labels(columns, values), float("nan") if row["score"] is None else row["score"])


def _size(score: float | None) -> float | None:
    return None if score is None else abs(score)
