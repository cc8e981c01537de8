"""From late events to alerts: which keys had too many of them in one stretch of event time. Pure."""

from __future__ import annotations

import pyarrow as pa

from tideline.engine.cells import connect
from tideline.engine.windows import floor_rest
from tideline.spec.model import LateAlert
from tideline.tables.late_alerts import LATE_ALERTS


def late_alerts(late_events: pa.Table, alert: LateAlert) -> pa.Table:
    """The alerts (`LATE_ALERTS`) that rows of `late_events` come to, each event counted once; null keys raise none."""
    connection = connect()
    connection.register("late_events", late_events)
    within = alert.within * 1000
    alerts: pa.Table = connection.sql(
        f"""
        with events as (
          select alert_column, alert_key, topic, partition, "offset", epoch_us(min(event_time)) as t,
            min(batch_at) as batch_at
          from late_events where alert_column = '{alert.key}' and alert_key is not null group by all)
        select alert_column, alert_key, make_timestamptz(window_us) as window_start,
          make_timestamptz(window_us + {within}) as window_end, count(*) as late_event_count,
          make_timestamptz(min(t)) as earliest_late_event, {alert.more_than} as more_than,
          list(batch_at order by batch_at)[{alert.more_than + 1}] as raised_at, max(batch_at) as as_of
        from (select *, t - {floor_rest("t", within)} as window_us from events)
        group by alert_column, alert_key, window_us having count(*) > {alert.more_than}
        order by window_start, alert_key"""
    ).to_arrow_table()
    return alerts.select(LATE_ALERTS.names).cast(LATE_ALERTS)
