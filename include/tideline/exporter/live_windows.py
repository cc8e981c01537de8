"""The newest window of each metric that event time has passed, from the rows that batches publish; in memory only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.exporter import catalogue as series
from tideline.exporter.exposition import Exposition
from tideline.exporter.labels import key_labels
from tideline.spec.model import StreamSpec

MOST_KEYS: Final = 50
"""Keys of a window that are told: those of the greatest first measure."""
MOST_KEYS_EVER: Final = 200
"""Keys of a metric that one driver tells in its life: where each window has others, as users or addresses are, every
one would be a series more that Prometheus keeps."""
_MOST_TABLES: Final = 32
_GROUP: Final = ("window_end", "key")


@dataclass(frozen=True)
class Held:
    """A metric's rows of windows that may still be told, as they came: of a group the last one counts."""

    tables: tuple[pa.Table, ...] = ()
    ends: frozenset[int] = frozenset()


@dataclass(frozen=True)
class WindowSeen:
    """A window with the values of the keys that are told; `groups` is how many keys it has."""

    metric: str
    end_us: int
    groups: int
    values: Sequence[tuple[Mapping[str, str], Mapping[str, float]]]


def held_after(held: Held, rows: pa.Table, passed_us: int) -> Held:
    """With a batch's rows, which have their window's end in us, without the windows before the one that is told now."""
    ends = held.ends | _ends(rows)
    shown = shown_end(ends, passed_us)
    tables = (*held.tables, rows) if len(rows) else held.tables
    if shown is not None and min(ends) < shown:
        ends = frozenset(end for end in ends if end >= shown)
        tables = tuple(table for each in tables if len(table := _from(each, shown)))
    if len(tables) > _MOST_TABLES:
        tables = (latest(pa.concat_tables(tables, promote_options="default")),)
    return Held(tables, ends)


def shown_end(ends: Iterable[int], passed_us: int) -> int | None:
    """The end of the newest window that event time has passed."""
    return max((end for end in ends if end <= passed_us), default=None)


def latest(rows: pa.Table) -> pa.Table:
    """The last row of each group."""
    numbered = rows.append_column("row", pa.array(range(len(rows)), pa.int64()))
    last = numbered.group_by(list(_GROUP)).aggregate([("row", "max")])["row_max"]
    return rows.take(last)


def told_rows(rows: pa.Table, measures: Sequence[str], at_most: int = MOST_KEYS) -> pa.Table:
    """The rows of the greatest first measure, then of the first key."""
    by = [*([(measures[0], "descending")] if measures else []), ("key", "ascending")]
    return rows.take(pc.sort_indices(rows, sort_keys=by)[:at_most])


def told_keys(before: frozenset[str], keys: Sequence[str], at_most: int = MOST_KEYS_EVER) -> frozenset[str]:
    """The keys that a driver tells, with those of one more window, as long as there is room."""
    new = [key for key in keys if key not in before]
    return before | frozenset(new[: at_most - len(before)])


class LiveWindows:
    """Takes each batch's rows, of threads of the driver, and tells them to those of a scrape."""

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {name: Held() for name in spec.metrics}
        self._told: dict[str, frozenset[str]] = dict.fromkeys(spec.metrics, frozenset())
        self._passed_us = 0
        self._seen: list[WindowSeen] | None = None

    def take(self, rows: Mapping[str, pa.Table], watermark_ms: int) -> None:
        """Published rows by metric; event time is a delay ahead of the watermark, which is 0 before the first event."""
        with self._lock:
            self._pass(watermark_ms)
            for name in self._held:
                own = self._columns(name, rows[name]) if name in rows else _NONE
                self._held[name] = held_after(self._held[name], own, self._passed_us)
            self._seen = None

    def put_before(self, rows: Mapping[str, pa.Table], watermark_ms: int) -> None:
        """Rows that were published before all that was taken: a driver that begins tells whole windows with them."""
        with self._lock:
            self._pass(watermark_ms)
            for name, table in rows.items():
                before = held_after(Held(), self._columns(name, table), self._passed_us)
                own = self._held[name]
                self._held[name] = Held((*before.tables, *own.tables), before.ends | own.ends)
            self._seen = None

    def seen(self) -> list[WindowSeen]:
        with self._lock:
            if self._seen is None:
                found = (self._window(name, held) for name, held in self._held.items())
                self._seen = [window for window in found if window is not None]
            return self._seen

    def _pass(self, watermark_ms: int) -> None:
        if watermark_ms:
            self._passed_us = max(self._passed_us, (watermark_ms + self._spec.smallest_delay_ms) * 1000)

    def _window(self, name: str, held: Held) -> WindowSeen | None:
        end = shown_end(held.ends, self._passed_us)
        if end is None:
            return None
        every = pa.concat_tables(held.tables, promote_options="default")
        rows = latest(every.filter(pc.equal(every["window_end"], end)))
        measures = [column for column in rows.column_names if column not in _GROUP]
        greatest = told_rows(rows, measures).to_pylist()
        told = self._told[name] = told_keys(self._told[name], [row["key"] for row in greatest])
        values = [self._values(name, measures, row) for row in greatest if row["key"] in told]
        return WindowSeen(name, end, len(rows), values)

    def _values(
        self, name: str, measures: Sequence[str], row: Mapping[str, object]
    ) -> tuple[Mapping[str, str], Mapping[str, float]]:
        keys = key_labels(self._spec.metrics[name].keys, json.loads(str(row["key"])))
        return keys, {measure: value for measure in measures if isinstance(value := row[measure], int | float)}

    def _columns(self, name: str, rows: pa.Table) -> pa.Table:
        """Window, key and numbers alone; sets, texts, times and yes or no are left out."""
        metric = self._spec.metrics[name]
        wanted = [column for column in (*metric.measures, *metric.derived) if column in rows.column_names]
        numbers = [column for column in wanted if _is_number(rows.schema.field(column).type)]
        return pa.table({"window_end": rows["window_end"].cast(pa.int64()), **{c: rows[c] for c in ("key", *numbers)}})


_NONE: Final = pa.table({"window_end": pa.array([], pa.int64()), "key": pa.array([], pa.string())})


def tell_windows(exposition: Exposition, stream: str, windows: Iterable[WindowSeen]) -> None:
    for window in windows:
        metric = window.metric
        exposition.tell_seconds(series.WINDOW_END, window.end_us // 1000, stream=stream, metric=metric)
        exposition.tell(series.WINDOW_GROUPS, window.groups, stream=stream, metric=metric)
        hidden = window.groups - len(window.values)
        exposition.tell(series.WINDOW_GROUPS_HIDDEN, hidden, stream=stream, metric=metric)
        for keys, values in window.values:
            for measure, value in values.items():
                exposition.tell(series.WINDOW_VALUE, value, keys, stream=stream, metric=metric, measure=measure)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _ends(rows: pa.Table) -> frozenset[int]:
    return frozenset(pc.unique(rows["window_end"]).to_pylist())


def _from(rows: pa.Table, end_us: int) -> pa.Table:
    return rows.filter(pc.greater_equal(rows["window_end"], end_us))
