"""The one file Airflow loads from this folder; all that Tideline adds to Airflow is in `tideline_airflow`."""

from __future__ import annotations

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from tideline_airflow.links import NAVIGATION, PREFIX
from tideline_airflow.same_origin import SameOriginOnly
from tideline_airflow.web import LazyApp

_TRUSTED = conf.getlist("api", "access_control_allow_origins", fallback=[])


class TidelinePlugin(AirflowPlugin):
    """Names Tideline among Airflow's plugins."""

    name = "tideline"
    # ruff: noqa: RUF012  # lists, as Airflow has them
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": "Tideline"}]
    fastapi_root_middlewares = [
        {"middleware": SameOriginOnly, "args": [], "kwargs": {"trusted": _TRUSTED}, "name": "Same origin only"}
    ]
    external_views = [NAVIGATION]
