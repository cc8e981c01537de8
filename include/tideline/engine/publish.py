"""What is published: a pure function of parts and corrections.

Published = the newest part of each generation, merged with all its corrections. `revision` is the number of
corrections merged in and `part_version` the newest part's batch: both only grow, so of two rows of one group the
one that is nowhere behind is the newer, and equal ones are the same row.
"""

from __future__ import annotations

import pyarrow as pa

from tideline.engine.cells import connect
from tideline.engine.slots import MetricPlan, merge_sql, slot_columns, stream_plans
from tideline.lateness import extra_delay_us
from tideline.spec.model import Metric, StreamSpec


class Publisher:
    """Finishes groups of one stream into the rows of its published tables."""

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._plans = stream_plans(spec)
        self._slots = slot_columns(self._plans.values())
        self._connection = connect()
        self._schemas = {name: published_schema(spec, name) for name in spec.metrics}

    def merge(self, parts: pa.Table, corrections: pa.Table) -> pa.Table:
        """Inputs of any groups, merged: one row a group with part_version, revision and the time of the newest."""
        self._connection.register("parts", parts)
        self._connection.register("corrections", corrections)
        columns = ["metric", "window_end", "key", "events", *self._slots, "batch_at", "version"]
        names = ", ".join(columns)
        slots = "".join(f", {merge_sql(slot)} as {slot}" for slot in self._slots)
        merged = self._connection.sql(
            f"""
            with newest as (
              select {names} from parts
              qualify row_number() over (
                partition by metric, window_end, key, version >> 32 order by version desc) = 1),
            inputs as (
              select {names}, 0 as corrected from newest
              union all select {names}, 1 as corrected from corrections)
            select metric, window_end, key, sum(events)::bigint as events{slots}, max(batch_at) as batch_at,
              coalesce(max(version) filter (where corrected = 0), 0)::bigint as part_version,
              sum(corrected)::bigint as revision
            from inputs group by metric, window_end, key"""
        ).to_arrow_table()
        self._connection.unregister("parts")
        self._connection.unregister("corrections")
        return merged

    def finish(self, merged: pa.Table, watermark_ms: int) -> dict[str, pa.Table]:
        """Published rows by metric; a window is open while its `drop_at` is ahead of the watermark E."""
        self._connection.register("merged", merged)
        finished = {
            name: self._connection.sql(_finish_sql(self._spec, name, metric, self._plans[name], watermark_ms))
            .to_arrow_table()
            .cast(self._schemas[name])
            for name, metric in self._spec.metrics.items()
        }
        self._connection.unregister("merged")
        return finished


def _finish_sql(spec: StreamSpec, name: str, metric: Metric, plan: MetricPlan, watermark_ms: int) -> str:
    keys = "".join(f", key_values[{i}] as {column}" for i, column in enumerate(metric.keys, 1))
    measures = "".join(f", {sql} as {column}" for column, sql in plan.finishes.items())
    derived = "".join(f", try({sql}) as {column}" for column, sql in metric.derived.items())
    named = "".join(f", {column}" for column in (*metric.keys, *metric.measures))
    extra = extra_delay_us(spec, name)
    return f"""
      select strftime(window_start, '%Y-%m-%d-%H') as hour, window_start, window_end, key{named}{derived},
        is_open, revision, as_of, part_version
      from (select window_end - to_microseconds({metric.window * 1000}) as window_start, window_end, key
              {keys}{measures}, epoch_us(window_end) + {extra} > {watermark_ms} * 1000 as is_open,
              revision, batch_at as as_of, part_version
            from (select *, from_json(key, '["VARCHAR"]') as key_values from merged where metric = '{name}'))"""


def published_schema(spec: StreamSpec, name: str) -> pa.Schema:
    """The columns of a metric's published table; a derived column has the type of its expression."""
    metric, plan = spec.metrics[name], stream_plans(spec)[name]
    connection = connect()
    slots = slot_columns(stream_plans(spec).values())
    inputs = "".join(f", null::{merge_sql(slot).rpartition('::')[2]} as {slot}" for slot in slots)
    connection.execute(
        f"""create temp table merged as select ''::varchar as metric, now() as window_end, '[]'::varchar as key,
            0::bigint as events{inputs}, now() as batch_at, 0::bigint as part_version, 0::bigint as revision limit 0"""
    )
    schema: pa.Schema = connection.sql(_finish_sql(spec, name, metric, plan, 0)).to_arrow_table().schema
    return pa.schema([pa.field(field.name, _storable(field.type)) for field in schema])


def _storable(kind: pa.DataType) -> pa.DataType:
    """Times in UTC microseconds, numbers that any reader knows."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC")
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_list(kind):
        return pa.list_(pa.string())
    return pa.int64() if pa.types.is_integer(kind) else kind
