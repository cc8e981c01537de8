"""What the registry knows of late alerts and anomalies: how many the tables raised, and what each notifier was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from tideline.notify.raised import Kind, Raised, RaisedIn, RaisedNotice, ToldOf
from tideline.registry.clock import Clock
from tideline.registry.tables import raised, raised_looks, raised_told
from tideline.registry.upsert import put


class RaisedBook:
    """Counts by kind, so that it grows with kinds and not with what they raise."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def looked(self) -> Mapping[tuple[str, str], int]:
        """By stream and table the version that was looked at last."""
        with self._engine.connect() as connection:
            return {(row.stream, row.table_name): row.version for row in connection.execute(select(raised_looks))}

    def newest(self, stream: str, table: RaisedIn) -> Mapping[str, int]:
        """By kind, when (us) the newest was raised of those that are counted."""
        which = (raised.c.stream == stream, raised.c.table_name == table)
        with self._engine.connect() as connection:
            return {row.kind: row.newest for row in connection.execute(select(raised).where(*which))}

    def add(self, stream: str, table: RaisedIn, version: int, found: Sequence[Raised]) -> None:
        """Adds to the counts, and notes the version that was looked at: both or neither."""
        with self._engine.begin() as connection:
            for each in found:
                counts = {"counted": _counted(connection, each.kind) + each.count}
                put(connection, raised, _key(each.kind) | counts | {"newest": each.newest_us, "why": each.why})
            put(connection, raised_looks, {"stream": stream, "table_name": table, "version": version})

    def since(self, us: int) -> Mapping[str, list[Raised]]:
        """By stream the kinds of which something was raised after this time."""
        statement = (
            select(raised).where(raised.c.newest > us).order_by(raised.c.newest, raised.c.table_name, raised.c.kind)
        )
        found: dict[str, list[Raised]] = defaultdict(list)
        with self._engine.connect() as connection:
            for row in connection.execute(statement):
                found[row.stream].append(Raised(_kind(row), row.counted, row.newest, row.why))
        return found

    def told(self, stream: str, notifier: str) -> Mapping[Kind, ToldOf]:
        which = (raised_told.c.stream == stream, raised_told.c.notifier == notifier)
        with self._engine.connect() as connection:
            rows = connection.execute(select(raised_told).where(*which))
            return {_kind(row): ToldOf(row.counted, row.at) for row in rows}

    def note(self, notice: RaisedNotice, notifier: str) -> None:
        """Keeps that the notifier has sent this, by now."""
        values = {**_key(notice.raised.kind), "notifier": notifier, "counted": notice.raised.count}
        with self._engine.begin() as connection:
            put(connection, raised_told, {**values, "at": self._clock(connection)})


def _counted(connection: Connection, kind: Kind) -> int:
    which = [raised.c[name] == value for name, value in _key(kind).items()]
    return connection.execute(select(raised.c.counted).where(*which)).scalar() or 0


def _key(kind: Kind) -> dict[str, str]:
    return {"stream": kind.stream, "table_name": kind.table.value, "kind": kind.name}


def _kind(row: Row[Any]) -> Kind:
    return Kind(row.stream, RaisedIn(row.table_name), row.kind)
