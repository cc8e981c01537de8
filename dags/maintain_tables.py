"""Keeps the tables of the streams small: erases what they no longer keep, packs files, removes deleted ones from disk.

**What a run does**, for each stream: where its spec says how long (`keep`), parts, corrections, overrides, rejects,
late events and ledger rows behind windows that have expired are erased, and the ledger's sums are brought forward;
published rows stay as they are. Then small files become few, and files that no snapshot of the last hour holds are
deleted. It runs beside drivers and reconciliations, and asks no broker.

**When it fails:** nothing is half done that the next run does not complete. A table whose rows are not what their
inputs give is not erased from: `tideline verify` names the rows, `backfill_stream` computes them again. What holds a
stream's erasure back, such as corrections that wait for a person, is in the task's log, and
`tideline maintain NAME --dry-run` tells it at any time.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from tideline_airflow import table_tasks
from tideline_airflow.policy import RECONCILE_POOL, SCHEDULED, optional_stream_param
from tideline_airflow.tags import Tag


@dag(
    dag_id="maintain_tables",
    schedule=CronTriggerTimetable("15 3 * * *", timezone="UTC"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.STREAMS, Tag.TABLES],
    **SCHEDULED,
    params={"stream": optional_stream_param()},
)
def maintain_tables() -> None:
    @task
    def streams() -> list[str]:
        return list(table_tasks.streams_of_metrics(get_current_context()["params"]["stream"]))

    @task(pool=RECONCILE_POOL, map_index_template="{{ stream }}", max_active_tis_per_dag=1)
    def maintain(stream: str) -> dict[str, Any]:
        context = get_current_context()
        context["stream"] = stream  # type: ignore[typeddict-unknown-key]  # names the mapped task in the UI
        return table_tasks.maintain(stream, context)

    maintain.expand(stream=streams())


maintain_tables()
