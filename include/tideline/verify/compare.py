"""Compares expected and published rows of one metric, to the last bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import GROUP, connect
from tideline.generations import Era
from tideline.ledger import LedgerRow
from tideline.tables.schemas import TIME
from tideline.times import iso
from tideline.verify.report import Difference, MetricReport

_SHOWN = 20
_VERSION_COLUMNS = frozenset({"hour", "revision", "as_of", "part_version"})


def pending_windows(eras: Sequence[Era], rows: Iterable[LedgerRow]) -> frozenset[tuple[str, int]]:
    """(metric, window end in us) of the windows that lost events in batches which are not corrected yet."""
    return frozenset(
        window
        for row in rows
        for pane in row.panes
        for windows in (row.lost_windows(eras, pane), row.doubtful_windows(eras, pane))
        for window in windows
    )


def revisions_of(merged: pa.Table) -> pa.Table:
    """How many corrections and overrides each group has: metric, window_end, key, made."""
    return merged.select([*GROUP, "revision"]).rename_columns([*GROUP, "made"])


def compare(
    name: str,
    expected: pa.Table,
    found: pa.Table | None,
    pending: frozenset[tuple[str, int]] = frozenset(),
    revisions: pa.Table | None = None,
) -> MetricReport:
    """Full outer comparison of a metric's rows, column by column, to the last bit; a doubled row differs.

    `pending` are windows (metric, end in us) that wait for a reconciliation; a row's revision must be the number of
    its group's corrections and overrides, as `revisions` tells it.
    """
    connection = connect()
    connection.register("expected_rows", expected)
    connection.register("found", expected.slice(0, 0) if found is None else _with_columns(found, expected.schema))
    _register_revisions(connection, name, revisions)
    connection.execute(
        "create temp table pending as select unnest($ends)::bigint as pending_end",
        {"ends": [end for metric, end in pending if metric == name]},
    )
    values = [c for c in expected.column_names if c not in _VERSION_COLUMNS and c not in ("window_start", "key")]
    values.append("revision")
    unequal = " or ".join(f"e.{column} is distinct from f.{column}" for column in values)
    connection.execute(
        f"""create temp table differing as
            with e as (select * replace (coalesce(made, 0) as revision)
                       from expected_rows left join revisions using (window_end, key)),
              f as (select any_value(columns(* exclude (window_start, key))), count(*) as copies, window_start, key
                    from found group by window_start, key)
            select coalesce(e.window_start, f.window_start) as window_start, coalesce(e.key, f.key) as key,
              e.window_start is null as surplus, f.window_start is null as missing, f.copies,
              {", ".join(f"e.{c}::varchar as e_{c}, f.{c}::varchar as f_{c}" for c in values)},
              epoch_us(coalesce(e.window_end, f.window_end)) in (select pending_end from pending) as is_pending
            from e full join f using (window_start, key)
            where e.window_start is null or f.window_start is null or f.copies > 1 or {unequal}"""
    )
    counts = connection.sql(
        "select count(*) filter (where not is_pending), count(*) filter (where is_pending) from differing"
    ).fetchall()[0]
    shown = connection.sql(
        f"select * from differing where not is_pending order by window_start, key limit {_SHOWN}"
    ).to_arrow_table()
    differences = tuple(d for row in shown.to_pylist() for d in _describe(name, row, values))
    windows = len(pc.unique(expected["window_start"]))
    return MetricReport(windows, len(expected), counts[0], counts[1], differences)


def _with_columns(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """A column that the spec has since added, and of which no row is published yet, is null."""
    for field in schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows


_NO_REVISIONS = pa.schema([("metric", pa.string()), ("window_end", TIME), ("key", pa.string()), ("made", pa.int64())])


def _register_revisions(connection: duckdb.DuckDBPyConnection, name: str, revisions: pa.Table | None) -> None:
    connection.register("all_revisions", _NO_REVISIONS.empty_table() if revisions is None else revisions)
    connection.execute(
        "create temp table revisions as select window_end, key, made from all_revisions where metric = $name",
        {"name": name},
    )


def _describe(name: str, row: dict[str, Any], values: list[str]) -> list[Difference]:
    at, key = iso(row["window_start"]), row["key"]
    if row["copies"] is not None and row["copies"] > 1:
        return [Difference(name, at, key, "*", "1 row", f"{row['copies']} rows")]
    if row["missing"] or row["surplus"]:
        found = None if row["missing"] else "a row"
        return [Difference(name, at, key, "*", None if found else "a row", found)]
    return [
        Difference(name, at, key, column, row[f"e_{column}"], row[f"f_{column}"])
        for column in values
        if row[f"e_{column}"] != row[f"f_{column}"]
    ]
