"""Compares expected and published rows of one metric, to the last bit."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import connect
from tideline.lateness import extra_delay_us, is_dropped
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import TIME
from tideline.verify.report import Difference, MetricReport

_SHOWN = 20
_VERSION_COLUMNS = frozenset({"hour", "revision", "as_of", "part_version"})


def pending_windows(spec: StreamSpec, name: str, rows: list[LedgerRow]) -> frozenset[int]:
    """Starts (us) of a metric's windows that lost events in batches which are not corrected yet."""
    metric, extra = spec.metrics[name], extra_delay_us(spec, name)
    window, slide = metric.window * 1000, metric.slide_ms * 1000
    return frozenset(
        end - window
        for row in rows
        for pane in row.late_panes(spec)
        for end in range((pane.pane // slide + 1) * slide, pane.pane // slide * slide + window + 1, slide)
        if is_dropped(end + extra, row.late_ms)
    )


def compare(
    name: str,
    expected: pa.Table,
    found: pa.Table | None,
    pending: frozenset[int] = frozenset(),
    corrections: pa.Table | None = None,
) -> MetricReport:
    """Full outer comparison of a metric's rows, column by column, to the last bit; a doubled row differs.

    `pending` holds the starts (us) of windows that wait for a reconciliation; a row's revision must be the number of
    its group's `corrections`.
    """
    connection = connect()
    connection.register("expected_rows", expected)
    connection.register("found", expected.slice(0, 0) if found is None else found)
    _register_revisions(connection, name, corrections)
    connection.execute(
        "create temp table pending as select unnest($starts)::bigint as start", {"starts": list(pending)}
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
              epoch_us(coalesce(e.window_start, f.window_start)) in (select start from pending) as is_pending
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


def _register_revisions(connection: duckdb.DuckDBPyConnection, name: str, corrections: pa.Table | None) -> None:
    none = pa.table(
        {"metric": pa.array([], pa.string()), "window_end": pa.array([], TIME), "key": pa.array([], pa.string())}
    )
    connection.register("corrections", none if corrections is None else corrections)
    connection.execute(
        """create temp table revisions as
           select window_end, key, count(*) as made from corrections where metric = $name group by window_end, key""",
        {"name": name},
    )


def _describe(name: str, row: dict[str, Any], values: list[str]) -> list[Difference]:
    at, key = row["window_start"].isoformat(), row["key"]
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
