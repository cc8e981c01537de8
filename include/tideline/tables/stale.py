"""Which published rows are behind the corrections of their groups."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from tideline.engine.cells import connect


def stale_groups(published: Mapping[str, pa.Table | None], corrections: pa.Table) -> pa.Table:
    """Groups (metric, window_end, key) whose published row is missing or was made from fewer corrections."""
    connection = connect()
    connection.register("corrections", corrections)
    connection.execute(
        "create temp table published (metric varchar, window_end timestamptz, key varchar, revision bigint)"
    )
    for name, rows in published.items():
        if rows is not None:
            connection.register("found", rows.select(["window_end", "key", "revision"]))
            connection.execute(
                "insert into published select $name, window_end, key, revision from found", {"name": name}
            )
    stale: pa.Table = connection.sql(
        """select metric, window_end, key
           from (select metric, window_end, key, count(*) as made from corrections group by all)
           left join published using (metric, window_end, key) where coalesce(revision, 0) < made"""
    ).to_arrow_table()
    return stale
