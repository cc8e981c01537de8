"""The assets whose events mean: a stream needs the keeper now, or its late events are to be looked at now."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher

from tideline_airflow.triggers import LateEvents, StreamAlarms

STREAM_ALARMS = Asset("stream-alarms", watchers=[AssetWatcher(name="stream-watch", trigger=StreamAlarms())])
LATE_EVENTS = Asset("late-events", watchers=[AssetWatcher(name="late-watch", trigger=LateEvents())])
