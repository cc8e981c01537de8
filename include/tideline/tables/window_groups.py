"""How many groups each window came to, counted from `parts`."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow.compute as pc

from tideline.engine.cells import connect
from tideline.tables.delta import exists, open_dataset
from tideline.tables.schemas import PART_KIND, StreamTables
from tideline.watermark_advice import WindowGroups


def read_window_groups(tables: StreamTables, metrics: Iterable[str]) -> list[WindowGroups]:
    """The windows of these metrics with their distinct keys; late events of closed windows are not among them."""
    if not exists(tables.parts):
        return []
    parts = open_dataset(tables.parts)
    wanted = (pc.field("kind") == PART_KIND) & pc.field("metric").isin(list(metrics))
    connection = connect()
    connection.register("parts", parts.scanner(columns=["metric", "window_end", "key"], filter=wanted).to_reader())
    rows = connection.sql(
        "select metric, epoch_us(window_end), count(distinct key) from parts group by all order by all"
    ).fetchall()
    return [WindowGroups(*row) for row in rows]
