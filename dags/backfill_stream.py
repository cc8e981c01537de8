"""Computes a range of event time again from Kafka, whatever the tables hold of it now.

**When to run it:** after a record was put into quarantine or taken out of it, when `verify` finds a difference, or when
a table was damaged. All closed windows that begin in the range are computed whole, up to the batch that was last
recorded; open ones the stream itself completes. The stream goes on meanwhile, and running it again changes nothing.

**When it fails:** Kafka no longer has every event of some window: these are left as they are, the others are done. The
task's log names them, `tideline retention NAME` says what Kafka still keeps.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import dag, get_current_context, task

from tideline_airflow import table_tasks
from tideline_airflow.policy import ON_REQUEST, RECONCILE_POOL, dry_run_param, stream_param, time_param


@dag(
    dag_id="backfill_stream",
    doc_md=__doc__,
    params={
        "stream": stream_param(),
        "from": time_param("From", "The first window start to compute again, with its zone."),
        "to": time_param("To", "Windows that begin before this time are computed."),
        "dry_run": dry_run_param("backfill"),
    },
    **ON_REQUEST,
)
def backfill_stream() -> None:
    @task(pool=RECONCILE_POOL)
    def backfill() -> dict[str, Any]:
        context = get_current_context()
        params = context["params"]
        since, until = (datetime.fromisoformat(params[name]) for name in ("from", "to"))
        return table_tasks.backfill(params["stream"], since, until, params["dry_run"], context)

    backfill()


backfill_stream()
