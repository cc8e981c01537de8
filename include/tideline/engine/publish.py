"""What is published: a pure function of parts, corrections and overrides.

Published = the newest part of each generation, merged with all corrections; where there is an override, the newest one
merged with the parts of later generations and the corrections of later batches. `revision` is the number of the
group's corrections and overrides and `part_version` its newest part's batch: both only grow, so of two rows of one
group the one that is nowhere behind is the newer, and equal ones are the same row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import connect
from tideline.engine.slots import MetricPlan, canonical_sql, merge_sql, slot_columns, stream_plans
from tideline.lateness import extra_delay_us
from tideline.spec.model import Metric, StreamSpec

_YEAR_1: Final = datetime(1, 1, 1, tzinfo=UTC)
_YEAR_9999: Final = datetime(9999, 12, 31, tzinfo=UTC)

# Versions tell what an override has seen: all of its generation's batches up to it, and of those before all.
_MERGE: Final = """
with newest_parts as (
  select {names} from parts
  qualify row_number() over (partition by metric, window_end, key, version >> 32 order by version desc) = 1),
newest_overrides as (
  select {names} from overrides
  qualify row_number() over (partition by metric, window_end, key order by version desc, sequence desc) = 1),
seen as (select metric, window_end, key, version as seen from newest_overrides),
inputs as (
  select {names}, coalesce(version >> 32 > seen >> 32, true) as counts, version as part, 0 as revised
  from newest_parts left join seen using (metric, window_end, key)
  union all
  select {names}, coalesce(version > seen, true), null, 1
  from corrections left join seen using (metric, window_end, key)
  union all
  select {names}, true, null, 0 from newest_overrides),
revisions as (select metric, window_end, key, count(*) as overridden from overrides group by all),
counted as (select * from inputs where counts),
totals as (
  select metric, window_end, key, coalesce(max(part), {first_version})::bigint as part_version,
    sum(revised) as corrected, max(batch_at) as batch_at
  from inputs group by metric, window_end, key),
merged as (
  select metric, window_end, key, sum(events)::bigint as events{slots} from counted group by metric, window_end, key)
select merged.*, batch_at, part_version, (corrected + coalesce(overridden, 0))::bigint as revision
from merged join totals using (metric, window_end, key) left join revisions using (metric, window_end, key)"""


class Publisher:
    """Finishes groups of one era into the rows of its published tables.

    `first_version`: the oldest whose inputs count. A row that no part is in has it as its part_version.
    """

    def __init__(self, spec: StreamSpec, first_version: int = 0) -> None:
        self._spec = spec
        self._first_version = first_version
        self.plans = stream_plans(spec)
        self._slots = slot_columns(self.plans.values())
        self._connection = connect()
        self._schemas = {name: published_schema(spec, name) for name in spec.metrics}

    def merge(self, parts: pa.Table, corrections: pa.Table, overrides: pa.Table | None = None) -> pa.Table:
        """Inputs of any groups, merged: one row a group with part_version, revision and the time of the newest.

        `events` is 0 where an override found none: such a group is published no more.
        """
        columns = ["metric", "window_end", "key", "events", *self._slots, "batch_at", "version"]
        inputs = {
            "parts": parts,
            "corrections": corrections,
            "overrides": _none_of(corrections) if overrides is None else overrides,
        }
        for name, table in inputs.items():
            self._connection.register(name, table)
        names = ", ".join(columns)
        slots = "".join(f", {merge_sql(slot)} as {slot}" for slot in self._slots)
        merged = self._connection.sql(
            _MERGE.format(names=names, slots=slots, first_version=self._first_version)
        ).to_arrow_table()
        for name in inputs:
            self._connection.unregister(name)
        return merged

    def of_batch(self, parts: pa.Table) -> pa.Table:
        """What `merge` makes of parts of a single batch, each group once, and nothing else."""
        slots = "".join(f", {canonical_sql(slot)} as {slot}" for slot in self._slots)
        self._connection.register("parts", parts)
        merged = self._connection.sql(
            f"""select metric, window_end, key, events{slots}, batch_at, version as part_version, 0::bigint as revision
                from parts"""
        ).to_arrow_table()
        self._connection.unregister("parts")
        return merged

    def finish(self, merged: pa.Table, watermark_ms: int, names: Collection[str] | None = None) -> dict[str, pa.Table]:
        """Published rows by metric, of all unless named; a window is open while its `drop_at` is ahead of E."""
        self._connection.register("merged", merged)
        finished = {
            name: _legible(
                self._connection.sql(_finish_sql(self._spec, name, metric, self.plans[name], watermark_ms))
                .to_arrow_table()
                .cast(self._schemas[name]),
                metric.derived,
            )
            for name, metric in self._spec.metrics.items()
            if names is None or name in names
        }
        self._connection.unregister("merged")
        return finished


def _legible(rows: pa.Table, derived: Iterable[str]) -> pa.Table:
    """Derived times before the year 1 or after 9999, infinity among them, as null: hardly a reader has them."""
    for name in derived:
        column = rows[name]
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            first, last = (pa.scalar(at, pa.timestamp("us", "UTC")).cast(column.type) for at in (_YEAR_1, _YEAR_9999))
            inside = pc.and_(pc.greater_equal(column, first), pc.less_equal(column, last))
            nulled = pc.if_else(inside, column, pa.scalar(None, column.type))
            rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), nulled)
    return rows


def _none_of(corrections: pa.Table) -> pa.Table:
    """No overrides, of the same slots; corrections that were never stored have no sequence yet."""
    empty = corrections.slice(0, 0)
    return empty if "sequence" in empty.column_names else empty.append_column("sequence", pa.array([], pa.int64()))


def _finish_sql(spec: StreamSpec, name: str, metric: Metric, plan: MetricPlan, watermark_ms: int) -> str:
    keys = "".join(f', key_values[{i}] as "{column}"' for i, column in enumerate(metric.keys, 1))
    measures = "".join(f", {sql} as {column}" for column, sql in plan.finishes.items())
    derived = "".join(f", try({sql}) as {column}" for column, sql in metric.derived.items())
    cut = "" if plan.is_cut is None else f", {plan.is_cut} as is_cut"
    named = "".join(f', "{column}"' for column in (*metric.keys, *metric.measures, *(["is_cut"] if cut else [])))
    extra = extra_delay_us(spec, name)
    return f"""
      select strftime(window_start, '%Y-%m-%d-%H') as hour, window_start, window_end, key{named}{derived},
        is_open, revision, as_of, part_version
      from (select window_end - to_microseconds({metric.window * 1000}) as window_start, window_end, key
              {keys}{measures}{cut}, epoch_us(window_end) + {extra} > {watermark_ms * 1000} as is_open,
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
