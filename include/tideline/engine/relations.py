"""Joins that Arrow cannot do itself: its own take no list columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from tideline.engine.cells import connect


def restrict(rows: pa.Table, others: pa.Table, on: Sequence[str], *, present: bool = True) -> pa.Table:
    """The rows whose columns `on` are found among `others`, or with `present=False` are not found there."""
    if not len(rows) or not len(others):
        return rows.slice(0, 0) if present else rows
    connection = connect()
    connection.register("rows", rows)
    connection.register("others", others)
    kind = "semi" if present else "anti"
    kept: pa.Table = connection.sql(f"select * from rows {kind} join others using ({', '.join(on)})").to_arrow_table()
    return kept.cast(rows.schema)
