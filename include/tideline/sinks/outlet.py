"""One outlet for each metric of each sink: what changed in its table is passed on, in order, by a step at a time."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from tideline.kafka_transactions import LARGEST, Cursor, Record, Sends
from tideline.plain_json import plain_json
from tideline.shown_bytes import shown
from tideline.spec.sinks import ConsoleSink, KafkaSink
from tideline.tables.changes import Changes, Seen, changes_since, seen_now
from tideline.tables.published import HOUR, read_published
from tideline.text_table import text_table
from tideline.times import iso

log = logging.getLogger(__name__)

_NOT_SENT: Final = (HOUR, "key", "part_version")
"""How the table is laid out, and what decides between two of its rows: no reader needs them."""


class Outlet(Protocol):
    """Passes on what is new, and returns how much of it there was."""

    def step(self) -> int: ...


class ConsoleOutlet:
    """Prints a table's rows from now on; what it holds already is passed over."""

    def __init__(self, metric: str, path: Path, sink: ConsoleSink, write: Callable[[str], object] = print) -> None:
        self._metric = metric
        self._path = path
        self._sink = sink
        self._write = write
        self._seen = seen_now(path)

    def step(self) -> int:
        changes = changes_since(self._path, self._seen)
        if changes is None:
            return 0
        told, gone = of_mode(changes, self._sink.mode)
        if len(told) or len(gone):
            rows = read_published(self._path) if self._sink.mode == "complete" else told
            self._print(rows if rows is not None else told, len(gone))
        self._seen = changes.seen
        return len(told) + len(gone)

    def _print(self, rows: pa.Table, gone: int) -> None:
        newest = rows.sort_by([("window_start", "descending"), ("key", "ascending")]).slice(0, self._sink.rows)
        shown = newest.drop_columns([*_NOT_SENT])
        removed = f", {gone} removed" if gone else ""
        title = f"{self._metric} ({self._sink.mode}): {len(rows)} rows{removed}"
        cut = f", the newest {len(shown)}" if len(shown) < len(rows) else ""
        self._write("\n".join([title + cut, *text_table(shown.column_names, shown.to_pylist())]))


class KafkaOutlet:
    """Sends a table's rows to a topic, each version of the table in one transaction; at first all that it holds."""

    def __init__(self, stream: str, metric: str, path: Path, sink: KafkaSink, sender: Sends) -> None:
        self._metric = metric
        self._path = path
        self._sink = sink
        self._sender = sender
        self._group = f"tideline-{stream}-{metric}-{sink.mode}"
        self._session: int | None = None
        self._seen: Seen | None = None

    def step(self) -> int:
        if self._session != self._sender.session:
            self._session = self._sender.session
            self._seen = _seen_by(self._sender.cursor(self._group, self._sink.topic))
        changes = changes_since(self._path, self._seen)
        if changes is None:
            return 0
        told, gone = of_mode(changes, self._sink.mode)
        if len(told) or len(gone):
            records = row_records(self._metric, told, gone)
            self._sender.send(self._sink.topic, records, self._group, _cursor_of(changes.seen))
        self._seen = changes.seen
        return len(told) + len(gone)


def of_mode(changes: Changes, mode: str) -> tuple[pa.Table, pa.Table]:
    """The rows and the groups that are gone which a mode tells: `append` only what is of closed windows."""
    if mode != "append":
        return changes.rows, changes.gone
    rows, gone = (table.filter(pc.invert(table["is_open"])) for table in (changes.rows, changes.gone))
    return rows, gone


def row_records(metric: str, rows: pa.Table, gone: pa.Table) -> Iterator[Record]:
    """Rows as JSON, keyed by metric, window and group; a null value for a group that is gone."""
    removed = (Record(None, _key(metric, row)) for row in gone.to_pylist())
    changed = (Record(_value(metric, row), _key(metric, row)) for row in rows.to_pylist())
    for record in chain(removed, changed):
        if record.size <= LARGEST:
            yield record
        else:
            log.error("%s is too large for a topic and stays in its table alone", shown(record.key))


def _value(metric: str, row: dict[str, Any]) -> bytes:
    told = {name: row[name] for name in row if name not in _NOT_SENT}
    return plain_json({"metric": metric} | told, ascii_only=False).encode()


def _key(metric: str, row: dict[str, Any]) -> bytes:
    told = [metric, iso(row["window_start"]), iso(row["window_end"]), *json.loads(row["key"])]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _cursor_of(seen: Seen) -> Cursor:
    return Cursor(seen.version, f"{seen.table} {seen.at_ms}")


def _seen_by(cursor: Cursor | None) -> Seen | None:
    if cursor is None:
        return None
    table, _, at_ms = cursor.note.partition(" ")
    return Seen(table, cursor.position, int(at_ms or 0))
