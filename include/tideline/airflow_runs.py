"""Runs a DAG for one stream through Airflow, waits for its end, and tells how the stream gets on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from tideline.airflow_api import AirflowApi, NotFound
from tideline.errors import Refused
from tideline.home import Home
from tideline.keeper.report import open_registry, recent_transitions
from tideline.keeper.settle import longest_wait_ms
from tideline.registry.rows import UnknownStream
from tideline.settings import Settings

TIMEOUT_SECONDS = 420.0
"""For a run that waits for no stream, or for one that is proved sooner."""
_AIRFLOW_SECONDS = 60.0
"""For the run to begin, and to end."""
_NEWEST = 20
PARSED_WITHIN_SECONDS = 60.0
_PAUSE_SECONDS = 0.5

Progress = Callable[[str], None]


def run_dag(home: Home, settings: Settings, dag_id: str, name: str, progress: Progress, **params: object) -> str:
    """Runs a DAG for one stream and shows the stream's transitions meanwhile; returns the last one as text.

    `params` are the run's beside the stream. Refused tells the reason when the run fails.
    """
    api = AirflowApi(settings, home)
    shown = _Shown(settings, name, progress)
    run_id = trigger_once_parsed(api, dag_id, {"stream": name, **params}, progress)
    progress(f"{dag_id} {name}: run {run_id}")
    state = api.wait(dag_id, run_id, shown.timeout, lambda run: progress(f"  run {run}"), shown.look)
    shown.look()
    if state != "success":
        raise Refused(_why(api, dag_id, run_id), f"the task's log: {settings.api_url}/dags/{dag_id}/runs/{run_id}")
    return shown.last or f"{name}: {state}"


def trigger_once_parsed(
    api: AirflowApi,
    dag_id: str,
    params: Mapping[str, object],
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """The run id. Right after the first `up` Airflow has not read its DAGs yet: NotFound only after a minute."""
    deadline, told = clock() + PARSED_WITHIN_SECONDS, False
    while True:
        try:
            return api.trigger(dag_id, params)
        except NotFound:
            if clock() >= deadline:
                raise
        if not told:
            progress(f"Airflow has not read {dag_id} yet: waiting up to {PARSED_WITHIN_SECONDS:.0f} s")
            told = True
        wait(_PAUSE_SECONDS)


def _why(api: AirflowApi, dag_id: str, run_id: str) -> str:
    """The reason a task has left, or the end of its log."""
    for task_id in api.failed_tasks(dag_id, run_id):
        reason = api.xcom(dag_id, run_id, task_id, "reason")
        return str(reason) if reason else "\n".join(api.task_log_tail(dag_id, run_id, task_id))
    return f"run {run_id} of {dag_id} failed without a failed task"


class _Shown:
    """Tells each transition of a stream once, as it is recorded, and how long (s) its run may take by its specs."""

    def __init__(self, settings: Settings, name: str, progress: Progress) -> None:
        self._settings = settings
        self._name = name
        self._progress = progress
        self._seen = max((row.id for row in recent_transitions(settings, name)), default=0)
        self.last = ""
        self._timeout = TIMEOUT_SECONDS

    def timeout(self) -> float:
        return self._timeout

    def look(self) -> None:
        with open_registry(self._settings) as registry:
            steps = registry.transitions(self._name, _NEWEST)
            with suppress(UnknownStream):  # the run has not asked for it yet
                longest = longest_wait_ms(registry.stream(self._name)) / 1000 + _AIRFLOW_SECONDS
                self._timeout = max(self._timeout, longest)
        for step in reversed(steps):
            if step.id > self._seen:
                self._seen = step.id
                self.last = f"{self._name} {step.to_state} at epoch {step.epoch}: {step.reason}"
                self._progress(f"  {self.last}")
