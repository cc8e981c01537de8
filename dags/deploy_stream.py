"""Deploys a stream by its spec and waits until it is proved STABLE: batches committed, or nothing to do.

**When it fails:** the reason is the task's error, and the driver's last lines are in its log. Where another spec was
STABLE before, that one is put back, and the run ends when it is STABLE again. Otherwise the stream stays wanted, and
`keep_streams` goes on trying, unless the state is FAILED or CRASH_LOOP: then a person is needed. Mend the cause and
deploy again. Deploying a stream that runs by the same spec changes nothing.

**A new generation** begins by itself when the spec's source, watermark or metrics have changed: with a new checkpoint
from where the ledger ends. What was closed stays as it is, what was open is computed anew by the new spec, and
nothing is lost or counted twice. Ask for one when the checkpoint is lost.
"""

from __future__ import annotations

from airflow.sdk import dag

from tideline_airflow import tasks
from tideline_airflow.operators import ask_and_await
from tideline_airflow.policy import ON_REQUEST, dry_run_param, new_generation_param, spec_param


@dag(
    dag_id="deploy_stream",
    doc_md=__doc__,
    params={"stream": spec_param(), "new_generation": new_generation_param(), "dry_run": dry_run_param("ask")},
    **ON_REQUEST,
)
def deploy_stream() -> None:
    ask_and_await(tasks.ask_to_deploy, "RUNNING", timeout_seconds=360)


deploy_stream()
