"""From records to cells: one row for each metric, window and key that a chunk of records contributes to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import duckdb
import pyarrow as pa

from tideline.engine.formats import events_sql
from tideline.engine.slots import MetricPlan, merge_sql, slot_columns, slot_type, stream_plans
from tideline.engine.windows import copies, floor_rest, holds, window_ends
from tideline.lateness import EVERY_WINDOW, Bounds, extra_delay_us, pane_ms
from tideline.quarantine import QUARANTINED, split_marked
from tideline.spec.model import Metric, StreamSpec

GROUP: Final = ("metric", "window_end", "key")
_SAID: Final[dict[str, Any]] = {"source": {"event_time", "derived"}, "metrics": True, "late_data": True}
"""What of a spec may name a record's columns."""


# Each record beside the batch that read it: within a generation batches never overlap, so the nearest start decides.
IN_BATCHES = """(
  select parsed.*, batches.version as _version, batches.late_us as _late_us
  from (select * from parsed, (select distinct version >> 32 as _generation from batches)) as parsed
  asof join (select *, version >> 32 as generation from batches) as batches
    on parsed._partition = batches.partition and parsed._generation = batches.generation
    and parsed._offset >= batches.start
  where parsed._offset < batches."end")"""


def connect() -> duckdb.DuckDBPyConnection:
    """A connection of one thread in UTC, that reads no files and installs nothing; it shares nothing with others.

    It is a cursor of the process's one database, which takes 12 ms to open where a cursor takes none: a batch asks for
    a connection dozens of times.
    """
    connection = _database(os.getpid()).cursor()
    connection.execute("set timezone = 'UTC'")
    return connection


@cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """The database of a process: a fork must open its own.

    What stands twice in a query is worked out twice: DuckDB would take it out of the `try` around it, and one event
    for which it fails would fail them all.
    """
    connection = duckdb.connect()
    connection.execute("set threads = 1; set enable_external_access = false")
    connection.execute("set disabled_optimizers = 'common_subexpressions'")
    return connection


def key_sql(columns: Sequence[str]) -> str:
    """A group's key as one text: the JSON array of its key columns."""
    texts = ", ".join(f'"{column}"::varchar' for column in columns)  # DuckDB makes no list of a text and a number
    return f"to_json([{texts}])::varchar" if columns else "'[]'"


def counts_where(metric: Metric) -> str:
    """The condition on which an event counts in a metric: one that fails on an event is not true of it."""
    return "" if metric.where is None else f" and coalesce(try(({metric.where})::boolean), false)"


def used_columns(spec: StreamSpec) -> frozenset[str]:
    """The columns of a record that the spec may speak of: those whose name is a word of anything that it says."""
    said = spec.model_dump(mode="json", include=_SAID)
    words = frozenset(word for text in _texts(said) for word in re.findall(r"\w+", text.lower()))
    return frozenset(name for name in spec.source.read_as.columns if name in words)


def _texts(value: object) -> Iterator[str]:
    """Every text in it, as it is: written as JSON, a line's end would be a letter of the word after it."""
    match value:
        case str():
            yield value
        case dict():
            yield from _texts([*value.keys(), *value.values()])
        case list():
            for each in value:
                yield from _texts(each)


class Engine:
    """Computes cells for one spec; `load` a chunk of records, then ask for what it holds.

    Only windows within `bounds` are computed; `pane` (ms) is by default the longest that the spec allows. Texts that
    the spec does not name are left null unless `every_column` is asked for.
    """

    def __init__(
        self,
        spec: StreamSpec,
        bounds: Bounds = EVERY_WINDOW,
        pane: int | None = None,
        *,
        every_column: bool = False,
    ) -> None:
        self.spec = spec
        self.bounds = bounds
        self._pane_us = (pane or pane_ms(spec)) * 1000
        self.plans: dict[str, MetricPlan] = stream_plans(spec)
        self.slots = slot_columns(self.plans.values())
        self._events_sql = events_sql(spec.source, None if every_column else used_columns(spec))
        self._connection = connect()

    def load(self, records: pa.Table) -> None:
        """Parses a chunk of records (schema `tideline.records.RECORDS`), in place of the chunk before.

        Records that their reader marked as in quarantine are taken out before anything reads their bytes.
        """
        admitted, quarantined = split_marked(records)
        self._connection.register("records", admitted)
        self._connection.execute(
            f"create or replace temp table parsed as {self._events_sql}",
            {"max_future_us": self.spec.source.max_future * 1000},
        )
        self._connection.unregister("records")
        if len(quarantined):
            self._reject(quarantined)

    def _reject(self, records: pa.Table) -> None:
        """Adds records to `parsed` as rejects, unread."""
        self._connection.register("records", records)
        self._connection.execute(
            """insert into parsed by name
               select partition as _partition, "offset" as _offset, epoch_us("timestamp") as _recorded,
                 value as _value, $reason as _reason
               from records""",
            {"reason": QUARANTINED},
        )
        self._connection.unregister("records")

    def parsed(self) -> pa.Table:
        """One row a record, see `tideline.engine.formats`."""
        return self._table("select * from parsed")

    def cells(self) -> pa.Table:
        """One row a group: metric, window_end, key, drop_at, ts (greatest event time), events and the slots.

        In the order of drop_at, metric and key, in which Spark merges them: what is in order is sorted by a look.
        """
        return self._table(f"select * from ({self._all_cells()}) order by drop_at, metric, key")

    def late_cells(self, batches: pa.Table) -> pa.Table:
        """The pairs within the bounds that were dropped, by the batch that dropped them.

        `batches` has a row a batch and partition: version, partition, start, end (half-open offsets), late_us.
        """
        self._connection.register("batches", batches)
        cells = self._all_cells(IN_BATCHES, "_version, _late_us")
        late = self._table(
            f"""select * exclude (_version, _late_us), _version as version
                from ({cells}) where epoch_us(drop_at) <= _late_us"""
        )
        self._connection.unregister("batches")
        return late

    def query(self, sql: str, **tables: pa.Table) -> pa.Table:
        """What a `select` over `parsed` and the tables given by name yields."""
        for name, table in tables.items():
            self._connection.register(name, table)
        found = self._table(sql)
        for name in tables:
            self._connection.unregister(name)
        return found

    def panes(self) -> pa.Table:
        """What arrived: partition, pane (its start in us), events, first_offset, last_offset, least and greatest t."""
        return self._table(
            f"""select _partition as partition, _t - {floor_rest("_t", self._pane_us)} as pane, count(*) as events,
                  min(_offset) as first_offset, max(_offset) as last_offset, min(_t) as least, max(_t) as greatest
                from parsed where _reason is null group by 1, 2"""
        )

    def rejects(self) -> pa.Table:
        """The records that are no events: partition, offset, timestamp, reason, value."""
        return self._table(
            """select _partition as partition, _offset as "offset", make_timestamptz(_recorded) as timestamp,
                 _reason as reason, _value as value
               from parsed where _reason is not null order by 1, 2"""
        )

    def rows_by_partition(self) -> dict[int, int]:
        rows = self._connection.sql("select _partition, count(*) from parsed group by 1").fetchall()
        return dict(rows)

    def merge(self, cells: pa.Table, by: Sequence[str] = GROUP) -> pa.Table:
        """Cells that agree in `by` merged into one: those columns, events and the slots."""
        self._connection.register("unmerged", cells)
        slots = "".join(f", {merge_sql(slot)} as {slot}" for slot in self.slots)
        groups = ", ".join(by)
        merged = self._table(f"select {groups}, sum(events)::bigint as events{slots} from unmerged group by {groups}")
        self._connection.unregister("unmerged")
        return merged

    def _all_cells(self, source: str = "parsed", extra_groups: str = "") -> str:
        """The cells of every metric, one `select` under the other."""
        return " union all by name ".join(self._metric_cells(name, source, extra_groups) for name in self.plans)

    def _metric_cells(self, name: str, source: str, extra_groups: str) -> str:
        metric, plan = self.spec.metrics[name], self.plans[name]
        own = {slot.column: slot.contribution for slot in plan.slots}
        slots = ", ".join(
            f"({own[column]})::{slot_type(column)} as {column}"
            if column in own
            else f"null::{slot_type(column)} as {column}"
            for column in self.slots
        )
        groups = f"{extra_groups}, " if extra_groups else ""
        names = [f"_key_{place}" for place, _ in enumerate(metric.keys)]  # a key is written once a group
        keys = "".join(f'"{key}" as {name}, ' for key, name in zip(metric.keys, names, strict=True))
        return f"""
          select '{name}' as metric, make_timestamptz(window_us) as window_end,
            make_timestamptz(window_us + {extra_delay_us(self.spec, name)}) as drop_at,
            {key_sql(names)} as key, pane_cells.* exclude ({", ".join([*names, "pane", "copy", "window_us"])})
          from (select *, {window_ends(metric, "pane")} as window_us
                from (select {groups}{keys}_t - {floor_rest("_t", metric.pane_ms * 1000)} as pane,
                        make_timestamptz(max(_t)) as ts, count(*) as events{", " + slots if slots else ""}
                      from {source} where _reason is null{counts_where(metric)} group by all),
                     range({copies(metric)}) as copies(copy)) as pane_cells
          where {holds(metric, "pane")}
            and window_us > {self.bounds.after_us} and window_us <= {self.bounds.until_us}"""

    def _table(self, sql: str) -> pa.Table:
        return self._connection.sql(sql).to_arrow_table()
