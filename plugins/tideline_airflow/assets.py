"""The asset whose events mean: a stream needs the keeper now."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher

from tideline_airflow.triggers import StreamAlarms

STREAM_ALARMS = Asset("stream-alarms", watchers=[AssetWatcher(name="stream-watch", trigger=StreamAlarms())])
