"""Tells other DAGs, by events of assets, up to when each published table is complete and what was corrected.

**What it tells:** the asset `tideline://<stream>/<metric>` gets an event `complete`, with `complete_from` and
`complete_to`, when more windows of the table are closed; and an event `corrected`, with `corrected_from` and
`corrected_to`, when a reconciliation or a backfill computed closed windows again, whoever ran it. `docs/assets.md`
shows how to wait for them.

**When it runs:** every minute. What was told is kept in the registry once Airflow has the events, so that nothing is
told again, and what a killed run did not tell, the next one does.

**When it fails:** the registry's database could not be asked; the next minute tries again. A stream whose tables cannot
be read is left out, and the log says why. A deployment in which nobody waits for tables may pause this DAG.
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from tideline_airflow import table_events
from tideline_airflow.assets import TABLES
from tideline_airflow.policy import SCHEDULED
from tideline_airflow.tags import Tag


@dag(
    dag_id="announce_tables",
    schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.STREAMS, Tag.TABLES],
    **SCHEDULED,
)
def announce_tables() -> None:
    @task(outlets=[TABLES], on_success_callback=[table_events.remember])
    def announce() -> dict[str, dict[str, int]]:
        return table_events.announce(get_current_context())

    announce()


announce_tables()
