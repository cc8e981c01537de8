"""The events of the tables' assets: told by one task, and read by whoever waits for a window."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tideline.logs.context import about
from tideline_airflow.assets import TABLES, table_asset
from tideline_airflow.installation import Installation

if TYPE_CHECKING:
    from airflow.sdk import Context

HOUR: Final = timedelta(hours=1)
log = logging.getLogger(__name__)


def announce(context: Context) -> dict[str, dict[str, int]]:
    """Adds an event for each announcement that is due; what is told by them, by stream and table."""
    from tideline.announce import look

    installation = Installation.from_env()
    with installation.registry() as registry:
        found = look(installation.home, registry)
    events = context["outlet_events"][TABLES]
    for due in found:
        for each in due.announcements:
            with about(stream=due.stream):
                log.info("%s.%s: %s", due.stream, each.metric, each.as_extra())
            events.add(table_asset(due.stream, each.metric), extra=dict(each.as_extra()))
    return {due.stream: due.told for due in found}


def remember(context: Context) -> None:
    """Keeps what was announced, once Airflow has it: the events come with the task's success, or not at all."""
    ti = context["ti"]
    told = ti.xcom_pull(task_ids=ti.task_id) or {}
    if not told or not _has_succeeded(ti):
        return
    with Installation.from_env().registry() as registry:
        for stream, until in told.items():
            registry.announced.note(stream, until)


def _has_succeeded(ti: Any) -> bool:
    """By Airflow's word, not the task's own: its report may not have arrived."""
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id])
    return bool(states.get(ti.run_id, {}).get(ti.task_id) == "success")


def completed_hours(events: Mapping[Any, Iterable[Any]]) -> list[datetime]:
    """The beginnings of the hours that a run's events tell complete and the events before them did not; of a table that
    is told complete for the first time, the last hour alone."""
    extras = [event.extra or {} for found in events.values() for event in found]
    spans = [(extra["complete_from"], extra["complete_to"]) for extra in extras if extra.get("event") == "complete"]
    hours: set[datetime] = set()
    for since, until in spans:
        last = _whole_hour(until)
        begin = _whole_hour(since) if since else last - HOUR
        hours |= {begin + number * HOUR for number in range((last - begin) // HOUR)}
    return sorted(hours)


def _whole_hour(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(minute=0, second=0, microsecond=0)


def summarise(stream: str, metric: str, hours: Iterable[datetime]) -> list[dict[str, Any]]:
    """Of each hour, how many rows and windows the table has, and how many rows are open: none, once it is complete."""
    import pyarrow.compute as pc

    from tideline.tables.published import read_published
    from tideline.tables.schemas import StreamTables

    path = StreamTables(Installation.from_env().home.tables(stream)).published(metric)
    found = []
    for hour in hours:
        start = pc.field("window_start")
        rows = read_published(path, (start >= hour) & (start < hour + HOUR))
        count, windows, is_open = (
            (0, 0, 0)
            if rows is None
            else (len(rows), pc.count_distinct(rows["window_start"]).as_py(), pc.sum(rows["is_open"]).as_py() or 0)
        )
        found.append({"hour": hour.isoformat(), "rows": count, "windows": windows, "open": is_open})
        with about(stream=stream):
            log.info("%s.%s: %s", stream, metric, found[-1])
    return found
