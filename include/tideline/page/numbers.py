"""The newest numbers of a metric, each with what it takes to ask why it is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from tideline.spec.model import Metric
from tideline.tables.delta import dataset_of, exists, statistics_of
from tideline.tables.published import HOUR, in_hours
from tideline.tables.schemas import StreamTables
from tideline.text_table import cell
from tideline.times import iso


@dataclass(frozen=True)
class Number:
    """A published row: its window's start, its key as a JSON array, and the cells of the columns shown."""

    window: str
    key: str
    cells: tuple[str, ...]
    is_open: bool


@dataclass(frozen=True)
class Numbers:
    """The newest rows of a metric's table."""

    metric: str
    columns: tuple[str, ...]
    rows: tuple[Number, ...]


def newest_numbers(tables: StreamTables, name: str, metric: Metric, limit: int) -> Numbers:
    """Of the newest hours alone: a table may hold years."""
    columns = (*metric.keys, *metric.measures, *metric.derived)
    rows = _newest(tables, name, limit)
    return Numbers(name, columns, tuple(_number(row, columns) for row in rows))


def _newest(tables: StreamTables, name: str, limit: int) -> Sequence[dict[str, Any]]:
    path = tables.published(name)
    if not exists(path):
        return []
    table = DeltaTable(str(path))
    hours = pc.unique(statistics_of(table)[f"partition.{HOUR}"]).to_pylist()
    found: list[dict[str, Any]] = []
    for hour in sorted(filter(None, hours), reverse=True)[:3]:
        rows: pa.Table = dataset_of(path, table, in_hours({hour})).to_table(filter=pc.field(HOUR) == hour)
        found += rows.sort_by([("window_start", "descending"), ("key", "ascending")]).slice(0, limit).to_pylist()
        if len(found) >= limit:
            break
    return found[:limit]


def _number(row: dict[str, Any], columns: Sequence[str]) -> Number:
    cells = tuple(cell(row.get(column)) for column in columns)
    return Number(iso(row["window_start"]), str(row["key"]), cells, bool(row["is_open"]))
