from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tideline.airflow_api import AirflowApi, NotFound
from tideline.airflow_runs import PARSED_WITHIN_SECONDS, trigger_once_parsed
from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.keys import password_file
from tideline.settings import Settings

Handler = Callable[[httpx.Request], httpx.Response]


def api(root: Path, handler: Handler) -> AirflowApi:
    """An API server that lets `admin` in and answers everything else as `handler` does."""
    password_file(Home(root)).parent.mkdir(parents=True)
    password_file(Home(root)).write_text(json.dumps({"admin": "secret"}))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            assert json.loads(request.content) == {"username": "admin", "password": "secret"}
            return httpx.Response(201, json={"access_token": "token"})
        assert request.headers["Authorization"] == "Bearer token"
        return handler(request)

    return AirflowApi(Settings(), Home(root), httpx.MockTransport(answer))


def test_a_run_is_triggered_with_its_conf(tmp_path: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/api/v2/dags/d/dagRuns")
        assert json.loads(request.content) == {"conf": {"stream": "s"}, "logical_date": None}
        return httpx.Response(200, json={"dag_run_id": "run-1"})

    assert api(tmp_path, handler).trigger("d", {"stream": "s"}) == "run-1"


def test_a_wait_ends_with_the_run_and_tells_each_state_once(tmp_path: Path) -> None:
    states = iter(["queued", "running", "running", "success"])
    told: list[str] = []
    found = api(tmp_path, lambda _: httpx.Response(200, json={"state": next(states)}))
    assert found.wait("d", "run-1", 60, told.append) == "success"
    assert told == ["queued", "running", "success"]


def test_a_run_that_does_not_end_is_an_error(tmp_path: Path) -> None:
    found = api(tmp_path, lambda _: httpx.Response(200, json={"state": "running"}))
    with pytest.raises(UserError, match="has not ended after 0 s"):
        found.wait("d", "run-1", 0)


def test_the_time_for_a_run_may_grow_meanwhile(tmp_path: Path) -> None:
    states = iter(["queued", "running", "success"])
    times = iter([60.0, 60.0, 60.0, 0.0])
    found = api(tmp_path, lambda _: httpx.Response(200, json={"state": next(states)}))
    assert found.wait("d", "run-1", lambda: next(times)) == "success"
    with pytest.raises(UserError, match="has not ended after -1 s"):
        found.wait("d", "run-1", lambda: -1.0)


def test_a_refusal_is_told_in_airflows_first_line(tmp_path: Path) -> None:
    found = api(tmp_path, lambda _: httpx.Response(400, json={"detail": "'x' is not one of ['s']\n\nmore"}))
    with pytest.raises(UserError, match=r"Airflow refuses: 'x' is not one of \['s'\] \(HTTP 400\)$"):
        found.trigger("d", {"stream": "x"})


def test_what_a_task_has_not_left_is_none(tmp_path: Path) -> None:
    assert api(tmp_path, lambda _: httpx.Response(404, json={})).xcom("d", "r", "t", "reason") is None


def test_only_tasks_that_failed_themselves_are_named(tmp_path: Path) -> None:
    tasks = [{"task_id": "a", "state": "failed"}, {"task_id": "b", "state": "upstream_failed"}]
    found = api(tmp_path, lambda _: httpx.Response(200, json={"task_instances": tasks}))
    assert found.failed_tasks("d", "r") == ["a"]


def test_the_end_of_a_tasks_log(tmp_path: Path) -> None:
    content = [{"event": f"line {n}"} for n in range(30)]
    found = api(tmp_path, lambda _: httpx.Response(200, json={"content": content}))
    assert found.task_log_tail("d", "r", "t", 2) == ["line 28", "line 29"]


def test_an_airflow_that_does_not_answer_is_named(tmp_path: Path) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(UserError, match="Airflow does not answer"):
        api(tmp_path, refuse).trigger("d", {})


def test_without_a_platform_the_fix_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no platform") as error:
        AirflowApi(Settings(), Home(tmp_path)).trigger("d", {})
    assert "tideline up" in error.value.fix


@dataclass
class Clock:
    """Waiting moves it, and it keeps what was waited."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_a_dag_that_is_not_read_yet_is_waited_for_and_told_once(tmp_path: Path) -> None:
    answers = iter([*[httpx.Response(404, json={})] * 3, httpx.Response(200, json={"dag_run_id": "run-1"})])
    clock, told = Clock(), list[str]()
    found = api(tmp_path, lambda _: next(answers))
    assert trigger_once_parsed(found, "d", {"stream": "s"}, told.append, clock, clock.wait) == "run-1"
    assert (clock.waits, told) == ([0.5, 0.5, 0.5], ["Airflow has not read d yet: waiting up to 60 s"])


def test_a_dag_that_is_there_is_not_waited_for(tmp_path: Path) -> None:
    clock, told = Clock(), list[str]()
    found = api(tmp_path, lambda _: httpx.Response(200, json={"dag_run_id": "run-1"}))
    trigger_once_parsed(found, "d", {"stream": "s"}, told.append, clock, clock.wait)
    assert (clock.waits, told) == ([], [])


def test_a_dag_that_never_comes_is_an_error_after_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(NotFound, match="Airflow knows no /api/v2/dags/d/dagRuns"):
        trigger_once_parsed(
            api(tmp_path, lambda _: httpx.Response(404)), "d", {"stream": "s"}, list[str]().append, clock, clock.wait
        )
    assert clock.now == PARSED_WITHIN_SECONDS


def test_a_refusal_is_not_tried_again(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(UserError, match="Airflow refuses"):
        trigger_once_parsed(
            api(tmp_path, lambda _: httpx.Response(400)), "d", {"stream": "s"}, list[str]().append, clock, clock.wait
        )
    assert clock.waits == []
