"""The one file Airflow loads from this folder; all that Tideline adds to Airflow is in `tideline_airflow`."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class TidelinePlugin(AirflowPlugin):
    """Names Tideline among Airflow's plugins."""

    name = "tideline"
