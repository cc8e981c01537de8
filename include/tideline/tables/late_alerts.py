"""The late alerts of a stream: a row for each key and stretch of time, replaced only by one that counts more."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from deltalake import DeltaTable

from tideline.engine.relations import restrict
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, exists, open_dataset, open_table, stamped
from tideline.tables.schemas import TIME, StreamTables

LATE_ALERTS_WRITER: Final = "tideline-late-alerts"
IDENTITY: Final = ("alert_column", "alert_key", "window_start", "window_end")

# `raised_at` is the recorded time of the batch whose late event was one too many, `as_of` that of the newest counted.
LATE_ALERTS: Final = pa.schema(
    [
        ("alert_column", pa.string()),
        ("alert_key", pa.string()),
        ("window_start", TIME),
        ("window_end", TIME),
        ("late_event_count", pa.int64()),
        ("earliest_late_event", TIME),
        ("more_than", pa.int64()),
        ("raised_at", TIME),
        ("as_of", TIME),
    ]
)


def commit_late_alerts(tables: StreamTables, alerts: pa.Table) -> pa.Table:
    """Keeps the alerts; returns those that were not there before. A count that is there never goes down."""
    if not len(alerts):
        return alerts
    raised = alerts

    def commit(table: DeltaTable) -> bool:
        nonlocal raised
        raised = restrict(
            alerts, dataset_of(tables.late_alerts, table).to_table(columns=list(IDENTITY)), IDENTITY, present=False
        )
        (
            table.merge(
                alerts,
                " and ".join(f"t.{column} = s.{column}" for column in IDENTITY),
                source_alias="s",
                target_alias="t",
                streamed_exec=False,
                commit_properties=stamped(LATE_ALERTS_WRITER, table.version() + 1),
            )
            .when_matched_update_all("s.late_event_count > t.late_event_count")
            .when_not_matched_insert_all()
            .execute()
        )
        return True

    open_table(tables.late_alerts, LATE_ALERTS, [])
    commit_on_fresh_handle(tables.late_alerts, commit)
    return raised


def read_late_alerts(tables: StreamTables) -> pa.Table:
    """All alerts, newest first; none before the first is raised."""
    if not exists(tables.late_alerts):
        return LATE_ALERTS.empty_table()
    rows = open_dataset(tables.late_alerts).to_table().select(LATE_ALERTS.names)
    return rows.cast(LATE_ALERTS).sort_by([("raised_at", "descending"), ("alert_key", "ascending")])
