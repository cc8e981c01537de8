"""Time as the database tells it: keepers on machines whose clocks differ agree on when a lease ends."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

Clock = Callable[[Connection], int]


def database_clock(connection: Connection) -> int:
    """PostgreSQL's time now (not the transaction's beginning), in epoch milliseconds."""
    return int(connection.execute(text("select extract(epoch from clock_timestamp()) * 1000")).scalar_one())
