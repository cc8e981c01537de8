"""Asks a person whether corrections that the gate held back are to be published, and publishes them if so.

**When it runs:** `reconcile_late_data` starts it for each hold, once. The question stands under "Required actions"; who
answers it is kept with the hold. Rejected corrections stay held: trigger this DAG with the hold's number to be asked
again. `tideline holds NAME list` shows what is held and why, the task's log links the Data Docs.

**When it fails:** the hold was released already, or its stream is gone; the reason is the task's error. A release that
was cut off is carried out by the next reconciliation.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, get_current_context, task

from tideline_airflow import table_tasks
from tideline_airflow.policy import ASKS_AGAIN, ON_REQUEST, RECONCILE_POOL, WAITS_AGAIN, hold_param, stream_param


@dag(
    dag_id="release_corrections",
    doc_md=__doc__,
    max_active_runs=100,  # a run waits for a person, and must not keep another question from being asked
    params={"stream": stream_param(), "hold": hold_param()},
    **ON_REQUEST,
)
def release_corrections() -> None:
    @task(**ASKS_AGAIN)
    def question() -> dict[str, str]:
        context = get_current_context()
        params = context["params"]
        return table_tasks.question_of(params["stream"], params["hold"], context)

    @task(pool=RECONCILE_POOL)
    def release(answer: dict[str, Any]) -> dict[str, Any]:
        context = get_current_context()
        params = context["params"]
        return table_tasks.release(params["stream"], params["hold"], answer, context)

    asked = question()
    approval = ApprovalOperator(
        task_id="approve",
        subject="{{ ti.xcom_pull(task_ids='question')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='question')['body'] }}",
        **WAITS_AGAIN,
    )
    asked >> approval
    release(approval.output)  # type: ignore[arg-type]  # at run time it is the value


release_corrections()
