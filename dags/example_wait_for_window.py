"""An example to copy: runs when an hour of a table is complete, and says what the table has of it.

**How to use it:** copy the file under a name of your own, name your table in the asset, and put your task in the place
of `summarise`. It begins paused: unpause it in Airflow's page. A file of a project without Tideline's code writes
`Asset("tideline://log-metrics/system_health")`; `docs/assets.md` has such a one.

**When it runs:** at each event of the table's asset. Most of them complete no hour: then `hours` skips the rest. What
is told complete may be corrected later, by late events: `corrected` is an event of its own.

**When it fails:** the table could not be read; clear the task when the cause is mended: its run keeps the hours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import dag, get_current_context, task

from tideline_airflow import table_events
from tideline_airflow.assets import table_asset
from tideline_airflow.policy import SCHEDULED
from tideline_airflow.tags import Tag


@dag(
    dag_id="example_wait_for_window",
    schedule=[table_asset("log-metrics", "system_health")],
    is_paused_upon_creation=True,
    doc_md=__doc__,
    tags=[Tag.EXAMPLE, Tag.TABLES],
    **SCHEDULED,
)
def example_wait_for_window() -> None:
    @task.short_circuit
    def hours() -> list[datetime]:
        return table_events.completed_hours(get_current_context().get("triggering_asset_events") or {})

    @task
    def summarise(hours: list[datetime]) -> list[dict[str, Any]]:
        return table_events.summarise("log-metrics", "system_health", hours)

    summarise(hours())  # type: ignore[arg-type]  # at run time it is the value


example_wait_for_window()
