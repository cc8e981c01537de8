"""Airflow's REST API, as far as the command line needs it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import httpx

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.keys import password_file
from tideline.settings import Settings

USER = "admin"
ENDS = frozenset({"success", "failed"})
_PAUSE_SECONDS = 0.5


class AirflowApi:
    """Speaks to one platform's API server as its user `admin`."""

    def __init__(self, settings: Settings, home: Home, transport: httpx.BaseTransport | None = None) -> None:
        self._settings = settings
        self._home = home
        self._transport = transport

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> str:
        """Starts a run of a DAG; its run id."""
        body = {"conf": dict(conf), "logical_date": None}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def wait(
        self,
        dag_id: str,
        run_id: str,
        timeout: float | Callable[[], float],
        on_state: Callable[[str], None] = lambda state: None,
        while_waiting: Callable[[], None] = lambda: None,
    ) -> str:
        """`success` or `failed`, once the run has ended; `on_state` hears of every change. UserError after
        `timeout` seconds; one that may grow meanwhile is a function."""
        began, before = time.monotonic(), ""
        longest = timeout if callable(timeout) else lambda: timeout
        while time.monotonic() - began < longest():
            state = self.state(dag_id, run_id)
            if state != before:
                on_state(state)
            if state in ENDS:
                return state
            before = state
            while_waiting()
            time.sleep(_PAUSE_SECONDS)
        problem = f"run {run_id} of {dag_id} has not ended after {longest():.0f} s"
        raise UserError(problem, f"see {self._settings.api_url}")

    def state(self, dag_id: str, run_id: str) -> str:
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def failed_tasks(self, dag_id: str, run_id: str) -> list[str]:
        """The tasks that failed of themselves, not those that then could not run."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return [str(task["task_id"]) for task in found if task["state"] == "failed"]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """What a task has left under `key`; None when it has left nothing."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        try:
            return self.call("GET", path)["value"]
        except NotFound:
            return None

    def task_log_tail(self, dag_id: str, run_id: str, task_id: str, lines: int = 20, map_index: int = -1) -> list[str]:
        """The last lines of a task's first try; `map_index` tells the tasks of a mapped one apart."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
        options = {"headers": {"Accept": "application/json"}, "params": {"map_index": map_index}}
        content = self.call("GET", path, **options)["content"]
        return [_log_line(entry) for entry in content][-lines:]

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """What the REST API answers under a path such as `/dags`; NotFound, or UserError with its reason."""
        answer = self._send(self._client, method, f"/api/v2{path}", **options)
        return dict(answer.json())

    @cached_property
    def _client(self) -> httpx.Client:
        client = httpx.Client(base_url=self._settings.api_url, timeout=60, trust_env=False, transport=self._transport)
        login = {"username": USER, "password": self._password()}
        token = self._send(client, "POST", "/auth/token", json=login).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def _password(self) -> str:
        try:
            return str(json.loads(password_file(self._home).read_text())[USER])
        except FileNotFoundError:
            raise UserError(f"no platform in {self._home.root}", "start it with `tideline up`") from None

    def _send(self, client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = client.request(method, path, **options)
        except httpx.TransportError as error:
            problem = f"Airflow does not answer at {self._settings.api_url}: {error}"
            raise UserError(problem, "look at `tideline status`, start it with `tideline up`") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"Airflow knows no {path}", "look whether the DAG is there, and at its import errors")
        if answer.is_error:
            raise UserError(f"Airflow refuses: {_detail(answer)}", f"see {self._settings.api_url}")
        return answer


class NotFound(UserError):
    """Airflow has nothing of that name."""


def _detail(answer: httpx.Response) -> str:
    """The first line of what Airflow says is wrong; the rest repeats the request."""
    try:
        said = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        said = answer.text
    return f"{said.splitlines()[0] if said else 'no reason given'} (HTTP {answer.status_code})"


def _log_line(entry: object) -> str:
    return str(entry["event"]) if isinstance(entry, dict) and "event" in entry else str(entry)
