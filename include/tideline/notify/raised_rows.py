"""Reads what was raised in a stream's table of late alerts or of anomalies since it was looked at last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.anomalies import ANOMALIES
from tideline.notify.decide import NEWS_MS
from tideline.notify.raised import Kind, Raised, RaisedIn
from tideline.shown_bytes import shown
from tideline.tables.delta import open_dataset
from tideline.tables.late_alerts import LATE_ALERTS
from tideline.tables.schemas import TIME
from tideline.text_table import cell

BEHIND_US: Final = 3_600_000_000
"""Of two writers the later may raise with an earlier time: so far back a kind is looked for that was not known."""

_NO_KEYS: Final = "[]"


@dataclass(frozen=True)
class _Source:
    """A table's columns, the one that tells its kinds apart, and a row in words."""

    schema: pa.Schema
    kind: str
    words: Callable[[Mapping[str, Any]], str]


def raised_rows(stream: str, table: RaisedIn, path: Path, known: Mapping[str, int], now: int) -> list[Raised]:
    """What was raised by kind, and stands: of a kind that is `known` after that time (us), of the others since the
    table was looked at last, at first since a day before `now` (epoch ms)."""
    source = _SOURCES[table]
    since = max(known.values()) - BEHIND_US if known else (now - NEWS_MS) * 1000
    rows = open_dataset(path).to_table(filter=pc.field("raised_at") > pa.scalar(since, TIME))
    rows = rows.select(source.schema.names).cast(source.schema)
    if "withdrawn_at" in rows.column_names:
        rows = rows.filter(pc.is_null(rows["withdrawn_at"]))
    found = []
    for name in sorted(pc.unique(rows[source.kind]).to_pylist()):
        after = pa.scalar(known.get(name, since), TIME)
        new = rows.filter(pc.and_(pc.equal(rows[source.kind], name), pc.greater(rows["raised_at"], after)))
        if len(new):
            found.append(_raised(Kind(stream, table, name), new, source.words))
    return found


def _raised(kind: Kind, rows: pa.Table, words: Callable[[Mapping[str, Any]], str]) -> Raised:
    newest_us = pc.max(rows["raised_at"]).cast(pa.int64()).as_py()
    (newest,) = rows.sort_by([("raised_at", "descending"), ("window_end", "descending")]).slice(0, 1).to_pylist()
    return Raised(kind, len(rows), newest_us, words(newest))


def _late_alert(row: Mapping[str, Any]) -> str:
    earliest = cell(row["earliest_late_event"])
    return (
        f"{_key(row['alert_key'])} had {row['late_event_count']} late events {_window(row)}, the earliest of {earliest}"
    )


def _anomaly(row: Mapping[str, Any]) -> str:
    expected = "" if row["expected"] is None else f", where {cell(row['expected'])} was expected"
    of = "" if row["key"] == _NO_KEYS else f" of {_key(row['key'])}"
    return f"{row['metric']}{of} was {cell(row['observed'])} {_window(row)}{expected}"


def _window(row: Mapping[str, Any]) -> str:
    return f"in [{cell(row['window_start'])}, {cell(row['window_end'])})"


def _key(text: str) -> str:
    return shown(text.encode("utf-8", "surrogatepass"))


_SOURCES: Final = {
    RaisedIn.LATE_ALERTS: _Source(LATE_ALERTS, "alert_column", _late_alert),
    RaisedIn.ANOMALIES: _Source(ANOMALIES, "kind", _anomaly),
}
