"""Whether two writers published the same: every group of every metric, floats to nine digits."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from tideline.engine.cells import connect
from tideline.spec.model import StreamSpec
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

_CLOSE: Final = 1e-9


def count_differences(spec: StreamSpec, ours: StreamTables, theirs: StreamTables) -> tuple[int, int]:
    """The rows of our tables, and the groups that only one has or that differ in a measure or a derived column."""
    rows = differences = 0
    for name, metric in spec.metrics.items():
        tables = [read_published(tables.published(name)) for tables in (ours, theirs)]
        if tables[0] is None or tables[1] is None:
            raise RuntimeError(f"metric '{name}': nothing was published")
        rows += len(tables[0])
        values = [*metric.measures, *metric.derived]
        differences += _count(tables[0], tables[1], ["window_start", *metric.keys], values)
    return rows, differences


def _count(ours: pa.Table, theirs: pa.Table, keys: list[str], values: list[str]) -> int:
    connection = connect()
    connection.register("ours", ours)
    connection.register("theirs", theirs)
    same = " and ".join(_same(name, ours.schema.field(name).type) for name in values)
    on = " and ".join(f'ours."{key}" is not distinct from theirs."{key}"' for key in keys)
    (found,) = connection.sql(
        f"""select count(*) from ours full join theirs on {on}
            where ours.window_start is null or theirs.window_start is null or not ({same})"""
    ).fetchall()[0:1]
    return int(found[0])


def _same(name: str, kind: pa.DataType) -> str:
    a, b = f'ours."{name}"', f'theirs."{name}"'
    if pa.types.is_floating(kind):
        return f"({a} is not distinct from {b} or coalesce(abs({a} - {b}) <= {_CLOSE} * greatest(abs({a}), 1), false))"
    if pa.types.is_list(kind):
        return f"list_sort({a}) is not distinct from list_sort({b})"
    return f"{a} is not distinct from {b}"
