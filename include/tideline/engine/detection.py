"""Detectors as a pure function of a metric's closed windows: which of them are anomalies, and why.

A verdict depends on the window and on those of its key before it, so that it can be given again whenever one of them
is corrected: what was raised is then kept, changed or withdrawn.
"""

from __future__ import annotations

from typing import Final, assert_never

import pyarrow as pa

from tideline.engine.cells import connect
from tideline.spec.detectors import AnyDetector, Rise, Threshold, ZScore

FARTHEST_US: Final = 30 * 86_400_000_000
"""No verdict looks further back than this, in us."""
_NEAR: Final = f"to_microseconds({FARTHEST_US})"

ANOMALY: Final = pa.schema(
    [
        ("window_start", pa.timestamp("us", "UTC")),
        ("window_end", pa.timestamp("us", "UTC")),
        ("key", pa.string()),
        ("observed", pa.float64()),
        ("expected", pa.float64()),
        ("score", pa.float64()),
    ]
)


def detect(detector: AnyDetector, rows: pa.Table) -> pa.Table:
    """The anomalies (schema `ANOMALY`) among published rows of the detector's metric, by window and key.

    `rows` are closed windows (window_start, window_end, key, and the columns that the detector names). The first
    `look_back` windows of each key serve as what came before.
    """
    connection = connect()
    connection.register("closed", rows)
    found: pa.Table = connection.sql(f"{_sql(detector)} order by window_end, key").to_arrow_table()
    return found.select(ANOMALY.names).cast(ANOMALY)


def affected(detector: AnyDetector, rows: pa.Table, changed: pa.Table) -> pa.Table:
    """The groups (window_end, key) whose verdict may change with the changed ones: these, and as many of their key's
    next windows with a value as look back upon them."""
    connection = connect()
    connection.register("closed", rows)
    connection.register("changed", changed)
    return connection.sql(
        f"""
        with numbered as (
          select window_end, key, row_number() over (partition by key order by window_end) as n
          from ({_valued(detector.observed)})),
        places as (
          select key, window_end,
            (select count(*) from numbered where numbered.key = changed.key
               and numbered.window_end <= changed.window_end) as n
          from (select distinct window_end, key from changed) as changed),
        later as (
          select distinct numbered.window_end, numbered.key from numbered join places using (key)
          where numbered.window_end > places.window_end and numbered.n <= places.n + {detector.look_back})
        select window_end, key from later union select distinct window_end, key from changed
        order by window_end, key"""
    ).to_arrow_table()


def _sql(detector: AnyDetector) -> str:
    match detector:
        case Threshold():
            return f"""select window_start, window_end, key, {detector.observed}::double as observed,
                         null::double as expected, null::double as score
                       from closed where coalesce(try(({detector.when})::boolean), false)"""
        case Rise():
            return f"""select window_start, window_end, key, observed, before as expected, observed - before as score
                       from (select *, lag(observed) over last as before, lag(window_end) over last as end_before
                             from ({_valued(detector.observed)})
                             window last as (partition by key order by window_end))
                       where observed - before > {detector.by!r}::double and end_before >= window_end - {_NEAR}"""
        case ZScore():
            return _z_scores(detector)
    assert_never(detector)


def _valued(column: str) -> str:
    """Windows that have a value."""
    return f"""select window_start, window_end, key, {column}::double as observed
               from closed where {column} is not null and isfinite({column}::double)"""


def _z_scores(detector: ZScore) -> str:
    """The list of the windows before is summed in its order: the same windows give the same bits."""
    return f"""
      select window_start, window_end, key, observed, mean as expected,
        case when deviation > 0 then (observed - mean) / deviation end as score
      from (
        select *,
          sqrt(list_sum(list_transform(before, lambda x: (x - mean) * (x - mean))) / (len(before) - 1)) as deviation
        from (
          select *, list_sum(before) / len(before) as mean
          from (
            select * exclude (earlier), list_transform(
                list_filter(earlier, lambda one: one.window_end >= window_end - {_NEAR}), lambda one: one.observed
              ) as before
            from (
              select *, list({{'window_end': window_end, 'observed': observed}}) over (
                  partition by key order by window_end rows between {detector.windows} preceding and 1 preceding
                ) as earlier
              from ({_valued(detector.observed)})))
          where len(before) >= {detector.at_least}))
      where case when deviation > 0 then abs(observed - mean) / deviation > {detector.beyond!r}::double
                 else observed <> mean end"""
