"""The assets there are: those by whose events Tideline's own DAGs run, and one a published table, for everybody's."""

from __future__ import annotations

from typing import Final

from airflow.sdk import Asset, AssetAlias, AssetWatcher

from tideline.table_uri import table_uri
from tideline_airflow.triggers import LateEvents, StreamAlarms

STREAM_ALARMS = Asset("stream-alarms", watchers=[AssetWatcher(name="stream-watch", trigger=StreamAlarms())])
LATE_EVENTS = Asset("late-events", watchers=[AssetWatcher(name="late-watch", trigger=LateEvents())])

TABLES: Final = AssetAlias("tideline-tables")
"""All tables of all streams: which there are is not known when a DAG file is parsed."""


def table_asset(stream: str, metric: str) -> Asset:
    """The asset of a metric's published table; `Asset("tideline://<stream>/<metric>")` is the same one."""
    return Asset(table_uri(stream, metric))
