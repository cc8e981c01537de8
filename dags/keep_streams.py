"""Keeps every stream as it is wanted: looks at it, restarts it when its driver is lost or hung.

**When it runs:** within seconds of an alarm, by a watcher in the triggerer, and every minute as the net under it.
Two runs at once do no harm: of a stream, the keeper that holds its lease takes care.

**Who is told:** the task `tell` sends what is to be known to the notifiers of `include/notify.yaml`: troubles and
their ends, anomalies and late alerts, of one reason once in 30 minutes at most. It is a task of its own, so that a
slow notifier keeps no stream waiting. When it fails, a notifier could not be reached: it is told the next minute.

**Who is asked:** a stream that does not go on by itself has its question asked once, by `answer_trouble`; also where
another stream cannot be looked after.

**When it fails:** the registry's database or the launcher could not be asked. Nothing was done to a driver that is
well. Look at `tideline status` and at the task's log; the next minute tries again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, TriggerRule, dag, get_current_context, task

from tideline_airflow import tasks
from tideline_airflow.answer_tasks import ANSWER_DAG, questions_to_ask
from tideline_airflow.assets import STREAM_ALARMS
from tideline_airflow.policy import SCHEDULED
from tideline_airflow.tags import Tag


@dag(
    dag_id="keep_streams",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=[STREAM_ALARMS]),
    doc_md=__doc__,
    tags=[Tag.STREAMS, Tag.KEEPER],
    **SCHEDULED,
)
def keep_streams() -> None:
    # Limiting runs instead of tasks would let an alarm wait behind the run of the minute.
    # A tick may be cut off anywhere; one that hangs would hold up every stream. A hundred restarts take minutes.
    @task(max_active_tis_per_dag=1, execution_timeout=timedelta(minutes=10))
    def keep() -> None:
        tasks.keep(get_current_context())

    # Its own time limit: not every notifier has one.
    @task(trigger_rule=TriggerRule.ALL_DONE, max_active_tis_per_dag=1, execution_timeout=timedelta(minutes=2))
    def tell() -> list[str]:
        return tasks.tell(get_current_context())

    # One stream that cannot be looked after keeps nobody from being asked about another.
    @task(trigger_rule=TriggerRule.ALL_DONE, execution_timeout=timedelta(minutes=2))
    def questions() -> list[dict[str, Any]]:
        return questions_to_ask()

    asked = questions()
    # A run ends as its last tasks do, and telling and asking end well whatever came before them.
    keep() >> [tell(), asked, EmptyOperator(task_id="kept")]
    ask_a_person = TriggerDagRunOperator.partial(
        task_id="ask_a_person", trigger_dag_id=ANSWER_DAG, skip_when_already_exists=True
    )
    ask_a_person.expand_kwargs(asked)


keep_streams()
