"""What a person is asked about corrections that the gate held back, and what follows from the answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from fastapi import HTTPException
from fastapi.testclient import TestClient

from support.held import PAGE, hold_one_event
from tideline.gate.suites import DOCS
from tideline.home import Home
from tideline.tables.holds import read_holds
from tideline.tables.schemas import StreamTables
from tideline_airflow.data_docs import page_of
from tideline_airflow.page_templates import Place
from tideline_airflow.table_tasks import DataDocs, ReconcileStream, question_of, release, releases_to_ask_for
from tideline_airflow.web import new_app


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TIDELINE_HOME", str(tmp_path))
    hold_one_event(Home(tmp_path))
    return Home(tmp_path)


def context() -> Any:
    pushed: dict[str, Any] = {}
    task = SimpleNamespace(xcom_push=pushed.__setitem__, pushed=pushed)
    return {
        "ti": task,
        "dag_run": SimpleNamespace(run_id="run-2", dag_id="release_corrections", triggering_user_name=None),
    }


def test_each_hold_that_waits_is_asked_for_once_by_a_run_of_its_own_name(home: Home) -> None:
    assert releases_to_ask_for(["small", "other"]) == [
        {"trigger_run_id": "hold-small-1", "conf": {"stream": "small", "hold": 1}}
    ]
    release("small", 1, {"responded_by_user": {"id": "7", "name": "ada"}}, context())
    assert releases_to_ask_for(["small"]) == []


def test_the_question_names_what_is_held_and_why_and_links_the_page(home: Home) -> None:
    asked = question_of("small", 1, context())
    assert asked["subject"] == "Publish hold 1 of small?"
    assert "1 corrections of 1 batches, for 1 late events" in asked["body"]
    assert "- `counts: too  many  [rows]`" in asked["body"]
    assert f"/tideline/data-docs/small/{PAGE})" in asked["body"]


def test_who_approves_is_kept_with_the_hold(home: Home) -> None:
    done = release("small", 1, {"responded_by_user": {"id": "7", "name": "ada"}}, context())
    assert (done["released_by"], done["corrections"], done["rows_published"]) == ("ada", 1, 1)
    (hold,) = read_holds(StreamTables(home.tables("small")))
    assert hold.release is not None
    assert (hold.release.by, hold.release.run) == ("ada", "run-2")


@pytest.mark.parametrize(
    "ask", [lambda: question_of("small", 2, context()), lambda: release("small", 2, {}, context())]
)
def test_what_does_not_wait_fails_with_the_reason(home: Home, ask: Any) -> None:
    with pytest.raises(AirflowFailException, match="small has no hold 2: waiting for a person: 1"):
        ask()


def test_a_task_links_the_page_of_what_it_looked_at() -> None:
    task = ReconcileStream(task_id="t", stream="small")
    assert DataDocs().get_link(task, ti_key=None) == ""
    task.page = PAGE
    assert DataDocs().get_link(task, ti_key=None).endswith(f"/tideline/data-docs/small/{PAGE}")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = Home(tmp_path).stream("small").validations / DOCS
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<script>alert(1)</script>")
    (tmp_path / "secret").write_text("secret")
    return tmp_path


PLACE = Place("/tideline", 0)


def test_a_page_runs_no_script(docs: Path) -> None:
    (docs / "streams" / "small" / "validations" / DOCS / "a.html").write_text("<script>alert(1)</script>")
    policy = page_of(docs, "small", "a.html", PLACE).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy


@pytest.mark.parametrize(
    ("stream", "page"),
    [
        ("small", "../../../../../../../secret"),
        ("small", "nothing.html"),
        ("small", "."),
        ("../..", "index.html"),
        ("other", "index.html"),
    ],
)
def test_nothing_else_is_given_away(docs: Path, stream: str, page: str) -> None:
    with pytest.raises(HTTPException) as refused:
        page_of(docs, stream, page, PLACE)
    assert refused.value.status_code == 404


def test_who_is_not_signed_in_sees_nothing(docs: Path) -> None:
    assert TestClient(new_app(docs)).get("/data-docs/small/index.html").status_code == 401
