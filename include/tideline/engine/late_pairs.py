"""The late pairs row by row: each event beside each window that lost it, where `late_cells` gives their sums."""

from __future__ import annotations

import pyarrow as pa

from tideline.engine.cells import IN_BATCHES, Engine, counts_where, key_sql
from tideline.engine.windows import copies, floor_rest, holds, window_ends
from tideline.lateness import extra_delay_us
from tideline.versions import BATCH_BITS


def late_pairs(engine: Engine, batches: pa.Table, facts: pa.Table, alert_column: str | None = None) -> pa.Table:
    """One row a late (event, window) of the engine's chunk, in the columns of `late_events`.

    `batches` is that of `Engine.late_cells`. `facts` has a row a batch: version, known_ms (the greatest event time
    known to it, or null), batch_at_us.
    """
    known_columns = engine.query("select * from parsed limit 0").column_names
    alert_column = alert_column if alert_column in known_columns else None  # an older era may read another format
    source = f"(select * from {IN_BATCHES} where _reason is null)"
    pairs = " union all by name ".join(_metric_pairs(engine, name, source) for name in engine.plans)
    alert_key = f'cast("{alert_column}" as varchar)' if alert_column else "null::varchar"
    return engine.query(
        f"""
        select make_timestamptz(_t) as event_time,
          _known_ms - (_t - {floor_rest("_t", 1000)}) // 1000 as lateness_ms, _metric as metric,
          make_timestamptz(_window_us - _length_us) as window_start, make_timestamptz(_window_us) as window_end,
          _key as key, '{engine.spec.source.topic}' as topic, _partition as partition, _offset as "offset",
          _version & {(1 << BATCH_BITS) - 1} as batch, _version >> {BATCH_BITS} as generation, _version as version,
          make_timestamptz(_batch_at_us) as batch_at,
          {f"'{alert_column}'" if alert_column else "null::varchar"} as alert_column, {alert_key} as alert_key
        from ({pairs})
        join (select version as _of, known_ms as _known_ms, batch_at_us as _batch_at_us from facts) on _version = _of
        order by _version, _partition, _offset, _metric, _window_us""",
        batches=batches,
        facts=facts,
    )


def _metric_pairs(engine: Engine, name: str, source: str) -> str:
    metric = engine.spec.metrics[name]
    return f"""
      select *, '{name}' as _metric, {metric.window * 1000} as _length_us
      from (select events.*, {key_sql(metric.keys)} as _key, {window_ends(metric, "_t", "_copy")} as _window_us
            from {source} as events, range({copies(metric)}) as copies(_copy) where true{counts_where(metric)})
      where {holds(metric, "_t", "_window_us")} and _window_us + {extra_delay_us(engine.spec, name)} <= _late_us
        and _window_us > {engine.bounds.after_us} and _window_us <= {engine.bounds.until_us}"""
