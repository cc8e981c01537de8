"""Writes a row whether or not it is there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, insert, update


def put(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Replaces the row that has this primary key, or inserts it."""
    key = [column == values[column.name] for column in table.primary_key]
    if connection.execute(update(table).where(*key).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**values))
