"""Joins that Arrow cannot do itself: its own take no list columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import connect
from tideline.lateness import Bounds


def restrict(rows: pa.Table, others: pa.Table, on: Sequence[str], *, present: bool = True) -> pa.Table:
    """The rows whose columns `on` are found among `others`, or with `present=False` are not found there."""
    if not len(rows) or not len(others):
        return rows.slice(0, 0) if present else rows
    connection = connect()
    connection.register("rows", rows)
    connection.register("others", others)
    kind = "semi" if present else "anti"
    columns = ", ".join(f'"{column}"' for column in on)
    kept: pa.Table = connection.sql(f"select * from rows {kind} join others using ({columns})").to_arrow_table()
    return kept.cast(rows.schema)


def within(rows: pa.Table, bounds: Bounds) -> pa.Table:
    """The rows whose `window_end` lies within the bounds."""
    ends = rows["window_end"].cast(pa.int64())
    return rows.filter(pc.and_(pc.greater(ends, bounds.after_us), pc.less_equal(ends, bounds.until_us)))
