"""`tideline deploy` and `stop`: asks Airflow, waits, and shows how the stream gets on."""

from __future__ import annotations

from typing import Annotated

import typer

from tideline.airflow_api import AirflowApi
from tideline.cli.console import out, progress
from tideline.errors import UserError
from tideline.home import Home
from tideline.keeper.report import recent_transitions
from tideline.registry.rows import TransitionRow
from tideline.settings import Settings

TIMEOUT_SECONDS = 420.0
Name = Annotated[str, typer.Argument(help="The stream's name.")]


def deploy(name: Name) -> None:
    """Deploy a stream by its spec through Airflow, and wait until it is STABLE."""
    from tideline.spec.load import find_spec, load_spec

    load_spec(find_spec(name))  # its errors show file, line and caret here
    _run("deploy_stream", name)


def stop(name: Name) -> None:
    """Stop a stream through Airflow: its driver finishes the batch in flight and ends."""
    _run("stop_stream", name)


def _run(dag_id: str, name: str) -> None:
    home = Home.from_env()
    out.print(run_dag(home, Settings.load(home), dag_id, name), markup=False)


def run_dag(home: Home, settings: Settings, dag_id: str, name: str) -> str:
    """Runs a DAG for one stream and shows the stream's transitions meanwhile; returns the last one as text.

    UserError tells the reason when the run fails.
    """
    api = AirflowApi(settings, home)
    run_id = api.trigger(dag_id, {"stream": name})
    progress(f"{dag_id} {name}: run {run_id}")
    shown = _Shown(settings, name)
    state = api.wait(dag_id, run_id, TIMEOUT_SECONDS, lambda run: progress(f"  run {run}"), shown.look)
    shown.look()
    if state != "success":
        raise UserError(_why(api, dag_id, run_id), f"the task's log: {settings.api_url}/dags/{dag_id}/runs/{run_id}")
    return shown.last or f"{name}: {state}"


def _why(api: AirflowApi, dag_id: str, run_id: str) -> str:
    """The reason a task has left, or the end of its log."""
    for task_id in api.failed_tasks(dag_id, run_id):
        reason = api.xcom(dag_id, run_id, task_id, "reason")
        return str(reason) if reason else "\n".join(api.task_log_tail(dag_id, run_id, task_id))
    return f"run {run_id} of {dag_id} failed without a failed task"


class _Shown:
    """Prints each transition of a stream once, as it is recorded."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._seen = max((row.id for row in self._rows()), default=0)
        self.last = ""

    def look(self) -> None:
        for row in reversed(self._rows()):
            if row.id > self._seen:
                self._seen = row.id
                self.last = f"{self._name} {row.to_state} at epoch {row.epoch}: {row.reason}"
                progress(f"  {self.last}")

    def _rows(self) -> list[TransitionRow]:
        return recent_transitions(self._settings, self._name)


def register(app: typer.Typer) -> None:
    for command in (deploy, stop):
        app.command()(command)
