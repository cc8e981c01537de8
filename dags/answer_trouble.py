"""Asks a person about a stream that does not go on by itself, and does what they choose.

**When it runs:** `keep_streams` starts it once for each trouble: a crash loop, or a failure that no restart mends (the
spec, the code, access rights, the checkpoint, a record that fails twice). The question stands under "Required actions",
with the reason and the driver's last lines. Who answers is kept with what follows.

**What can be chosen:** to start the stream again, with a new budget; to put a record on the quarantine list first; to
leave it. A crash loop is tried once an hour meanwhile, and its question is moot once a probe succeeds.

**When it fails:** the record that was named is not in the topic, or none was named. Trigger this DAG again to be asked
again.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, dag, get_current_context, task

from tideline_airflow import answer_tasks
from tideline_airflow.policy import ASKS_AGAIN, ON_REQUEST, WAITS_AGAIN, stream_param

_PLACE: dict[str, Any] = {"type": ["null", "integer"], "minimum": 0}


@dag(
    dag_id="answer_trouble",
    doc_md=__doc__,
    max_active_runs=100,  # a run waits for a person, and must not keep another question from being asked
    params={"stream": stream_param()},
    **ON_REQUEST,
)
def answer_trouble() -> None:
    @task(**ASKS_AGAIN)
    def question() -> dict[str, Any]:
        context = get_current_context()
        return answer_tasks.question_of(context["params"]["stream"], context)

    @task
    def act(question: dict[str, Any], answer: dict[str, Any]) -> str:
        context = get_current_context()
        return answer_tasks.act_on(context["params"]["stream"], question, answer, context)

    answer = HITLOperator(
        task_id="answer",
        subject="{{ ti.xcom_pull(task_ids='question')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='question')['body'] }}",
        options=["Start again", "Quarantine the record and start again", "Leave it"],
        params={
            "partition": Param(None, title="Partition", description="Of the record to put in quarantine.", **_PLACE),
            "offset": Param(None, title="Offset", description="Of the record to put in quarantine.", **_PLACE),
        },
        **WAITS_AGAIN,
    )
    asked = question()
    asked >> answer
    act(asked, answer.output)  # type: ignore[arg-type]  # at run time it is the value


answer_trouble()
