"""Looks whether published tables are what they should be: by expectations, by the ledger, and by Kafka.

**What a run does**, for each stream: `validate` holds every table against its expectations (those of any stream, and
those of `include/expectations/<stream>.yaml`) and its counts against the ledger; `verify` draws a share of the windows,
computes them from Kafka and compares. By schedule it is a twentieth each hour; by hand any share, up to everything.

**When it fails:** the task's error says what does not hold, its log lists the rows, and the link "Data Docs" shows all
rules. `tideline explain` tells why a number is what it is; `backfill_stream` computes a range of event time again.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from tideline_airflow import table_tasks
from tideline_airflow.policy import RECONCILE_POOL, SCHEDULED, optional_stream_param, share_param
from tideline_airflow.table_tasks import ValidateTables
from tideline_airflow.tags import Tag


@dag(
    dag_id="verify_tables",
    schedule=CronTriggerTimetable("30 * * * *", timezone="UTC"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.STREAMS, Tag.TABLES],
    **SCHEDULED,
    params={"stream": optional_stream_param(), "share": share_param()},
)
def verify_tables() -> None:
    @task
    def streams() -> list[str]:
        return list(table_tasks.streams_of_metrics(get_current_context()["params"]["stream"]))

    @task(pool=RECONCILE_POOL, map_index_template="{{ stream }}")
    def verify(stream: str) -> dict[str, Any]:
        context = get_current_context()
        context["stream"] = stream  # type: ignore[typeddict-unknown-key]  # names the mapped task in the UI
        return table_tasks.verify(stream, context["params"]["share"], context)

    found = streams()
    validate = ValidateTables.partial(
        task_id="validate", pool=RECONCILE_POOL, map_index_template="{{ task.stream }}", max_active_tis_per_dag=1
    )
    validate.expand(stream=found)
    verify.expand(stream=found)


verify_tables()
