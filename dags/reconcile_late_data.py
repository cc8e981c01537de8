"""Finds the events that the streams' watermarks dropped, and corrects the windows they belong to.

**What a run covers:** the batches recorded before the end of its data interval whose late events are not corrected
yet, so that none falls between two runs; a run triggered by hand without a date covers all that is pending, of one
stream if one is chosen. By schedule, a stream whose `late_data.reconcile` is longer than ten minutes is taken when its
own interval ends; by hand, all are. A stream that declares a late alert is taken at once, too, when its driver tells of
dropped events, at most once a minute. Running it again, or twice at once, gives the same rows.

**Where it runs:** in the task itself; as a Spark job where more records are to be read than the stream's
`late_data.spark_above` says. A run that nobody asked for waits while a stream is getting a new driver, five minutes at
most: the driver needs the machine more.

**The gate:** corrections that are not as expected are held back, and `release_corrections` asks a person. The link
"Data Docs" of the task shows what was looked at.

**When it fails:** nothing was published by halves; clear the task when the cause is mended. Offsets that retention
has removed are named in the error: their windows cannot be corrected any more.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, TriggerRule, dag, get_current_context, task

from tideline_airflow import tasks
from tideline_airflow.assets import LATE_EVENTS
from tideline_airflow.policy import RECONCILE_POOL, SCHEDULED, optional_stream_param
from tideline_airflow.reconcile_submit import SparkReconcile
from tideline_airflow.table_tasks import RELEASE_DAG, ReconcileStream, StreamsToReconcile, releases_to_ask_for
from tideline_airflow.tags import Tag


@dag(
    dag_id="reconcile_late_data",
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("*/10 * * * *", timezone="UTC"), assets=[LATE_EVENTS]
    ),
    doc_md=__doc__,
    tags=[Tag.STREAMS, Tag.LATE_DATA],
    **SCHEDULED,
    params={"stream": optional_stream_param()},
)
def reconcile_late_data() -> None:
    @task
    def small(found: dict[str, bool]) -> list[str]:
        return [name for name, is_large in found.items() if not is_large]

    @task
    def large(found: dict[str, bool]) -> list[list[str]]:
        context = get_current_context()
        until, run = context.get("data_interval_end"), str(context["dag_run"].run_id)
        return [tasks.reconcile_arguments(name, until, run) for name, is_large in found.items() if is_large]

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def held(found: dict[str, bool]) -> list[dict[str, Any]]:
        return releases_to_ask_for(found)

    found: Any = StreamsToReconcile(task_id="streams").output  # at run time it is the value
    each: dict[str, Any] = {"map_index_template": "{{ task.stream }}", "max_active_tis_per_dag": 1}
    reconcile = ReconcileStream.partial(task_id="reconcile", pool=RECONCILE_POOL, **each)
    by_spark = SparkReconcile.partial(task_id="reconcile_by_spark", pool=RECONCILE_POOL, **each)
    asked = held(found)
    # A run ends as its last tasks do, and asking ends well whatever came before it.
    corrected = EmptyOperator(task_id="corrected", trigger_rule=TriggerRule.NONE_FAILED)
    reconcile.expand(stream=small(found)) >> [asked, corrected]
    by_spark.expand(application_args=large(found)) >> [asked, corrected]
    ask_a_person = TriggerDagRunOperator.partial(
        task_id="ask_a_person", trigger_dag_id=RELEASE_DAG, skip_when_already_exists=True
    )
    ask_a_person.expand_kwargs(asked)


reconcile_late_data()
