"""Compares expected and published rows of one metric, to the last bit."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tideline.engine.cells import connect
from tideline.lateness import extra_delay_us, is_dropped
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.verify.report import Difference, MetricReport

_SHOWN = 20
_VERSION_COLUMNS = frozenset({"day", "revision", "as_of", "part_version"})


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


def compare(name: str, expected: pa.Table, found: pa.Table | None, pending: frozenset[int]) -> MetricReport:
    """Full outer comparison of a metric's rows, column by column, to the last bit."""
    connection = connect()
    connection.register("expected", expected)
    connection.register("found", expected.slice(0, 0) if found is None else found)
    connection.execute(
        "create temp table pending as select unnest($starts)::bigint as start", {"starts": list(pending)}
    )
    columns = [column for column in expected.column_names if column not in _VERSION_COLUMNS]
    values = [column for column in columns if column not in ("window_start", "key")]
    unequal = " or ".join(f"e.{column} is distinct from f.{column}" for column in values)
    connection.execute(
        f"""create temp table differing as
            select coalesce(e.window_start, f.window_start) as window_start, coalesce(e.key, f.key) as key,
              e.window_start is null as surplus, f.window_start is null as missing,
              {", ".join(f"e.{c}::varchar as e_{c}, f.{c}::varchar as f_{c}" for c in values)},
              epoch_us(coalesce(e.window_start, f.window_start)) in (select start from pending) as is_pending
            from expected e full join found f using (window_start, key)
            where e.window_start is null or f.window_start is null or {unequal}"""
    )
    counts = connection.sql(
        "select count(*) filter (where not is_pending), count(*) filter (where is_pending) from differing"
    ).fetchall()[0]
    shown = connection.sql(
        f"select * from differing where not is_pending order by window_start, key limit {_SHOWN}"
    ).to_arrow_table()
    differences = tuple(d for row in shown.to_pylist() for d in _describe(name, row, values))
    return MetricReport(len(expected), counts[0], counts[1], differences)


def _describe(name: str, row: dict[str, Any], values: list[str]) -> list[Difference]:
    at, key = row["window_start"].isoformat(), row["key"]
    if row["missing"] or row["surplus"]:
        found = None if row["missing"] else "a row"
        return [Difference(name, at, key, "*", None if found else "a row", found)]
    return [
        Difference(name, at, key, column, row[f"e_{column}"], row[f"f_{column}"])
        for column in values
        if row[f"e_{column}"] != row[f"f_{column}"]
    ]
