"""The one file Airflow loads from this folder; all that Tideline adds to Airflow is in `tideline_airflow`."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from tideline_airflow.links import PREFIX
from tideline_airflow.web import LazyApp


class TidelinePlugin(AirflowPlugin):
    """Names Tideline among Airflow's plugins."""

    name = "tideline"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": "Tideline"}]  # noqa: RUF012  # as Airflow has it
