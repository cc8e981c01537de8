"""Finds the events that the streams' watermarks dropped, and corrects the windows they belong to.

**What a run covers:** the batches recorded before the end of its data interval whose late events are not corrected
yet, so that none falls between two runs; a run triggered by hand without a date covers all that is pending, of one
stream if one is chosen. By schedule, a stream whose `late_data.reconcile` is longer than ten minutes is taken when its
own interval ends; by hand, all are. A stream that declares a late alert is taken at once, too, when its driver tells of
dropped events, at most once a minute. Running it again, or twice at once, gives the same rows.

**Where it runs:** in the task itself; as a Spark job where more records are to be read than the stream's
`late_data.spark_above` says.

**When it fails:** nothing was published by halves; clear the task when the cause is mended. Offsets that retention
has removed are named in the error: their windows cannot be corrected any more.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag, get_current_context, task

from tideline_airflow import tasks
from tideline_airflow.assets import LATE_EVENTS
from tideline_airflow.policy import DEFAULT_ARGS, START, optional_stream_param
from tideline_airflow.reconcile_submit import SparkReconcile
from tideline_airflow.tags import Tag


@dag(
    dag_id="reconcile_late_data",
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("*/10 * * * *", timezone="UTC"), assets=[LATE_EVENTS]
    ),
    start_date=START,
    catchup=False,
    doc_md=__doc__,
    tags=[Tag.STREAMS, Tag.LATE_DATA],
    default_args=DEFAULT_ARGS,
    params={"stream": optional_stream_param()},
)
def reconcile_late_data() -> None:
    @task
    def streams() -> dict[str, bool]:
        """By name, whether there is so much to read that Spark shall do it."""
        context = get_current_context()
        alarmed = tasks.alarmed_streams(context.get("triggering_asset_events") or {})
        names = tasks.streams_to_reconcile(context["params"]["stream"], tasks.interval_end(context), alarmed)
        return {name: tasks.is_large(name, context.get("data_interval_end")) for name in names}

    @task
    def small(found: dict[str, bool]) -> list[str]:
        return [name for name, is_large in found.items() if not is_large]

    @task
    def large(found: dict[str, bool]) -> list[list[str]]:
        until = get_current_context().get("data_interval_end")
        return [tasks.reconcile_arguments(name, until) for name, is_large in found.items() if is_large]

    @task(map_index_template="{{ stream }}", max_active_tis_per_dag=1)
    def reconcile(stream: str) -> dict[str, Any]:
        context = get_current_context()
        context["stream"] = stream  # type: ignore[typeddict-unknown-key]  # names the mapped task in the UI
        return tasks.reconcile(stream, context.get("data_interval_end"))

    found = streams()
    reconcile.expand(stream=small(found))  # type: ignore[arg-type]  # at run time it is the value
    by_spark = SparkReconcile.partial(
        task_id="reconcile_by_spark", map_index_template="{{ task.stream }}", max_active_tis_per_dag=1
    )
    by_spark.expand(application_args=large(found))  # type: ignore[arg-type]


reconcile_late_data()
