"""The runbooks on the web server, and no other file."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tideline_airflow.runbook_pages import FOLDER, new_runbook_router


@pytest.fixture
def signed_in(tmp_path: Path) -> TestClient:
    """Somebody who is signed in, where there is one runbook, and another file beside the folder."""
    (tmp_path / "secret.md").write_text("secret")
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "SomeAlert.md").write_text("# SomeAlert\n<script>\n")
    router, app = new_runbook_router(folder), FastAPI()
    app.include_router(router)
    app.dependency_overrides = {each.dependency: lambda: None for each in router.dependencies if each.dependency}
    return TestClient(app)


def test_the_checkout_has_some() -> None:
    assert (FOLDER / "TidelineHung.md").is_file()


@pytest.mark.parametrize("name", ["SomeAlert", "SomeAlert.md"])
def test_a_runbook_is_shown_as_text(signed_in: TestClient, name: str) -> None:
    shown = signed_in.get(f"/runbooks/{name}")
    assert (shown.status_code, shown.text) == (200, "# SomeAlert\n<script>\n")
    assert shown.headers["content-type"].startswith("text/plain")
    assert shown.headers["x-content-type-options"] == "nosniff"


def test_all_are_listed(signed_in: TestClient) -> None:
    assert signed_in.get("/runbooks").text == "SomeAlert\n"


@pytest.mark.parametrize("name", ["Other", "..%2Fsecret", "..%2Fsecret.md", "%2e%2e%2fsecret", "SomeAlert%00"])
def test_there_is_no_other_file(signed_in: TestClient, name: str) -> None:
    assert signed_in.get(f"/runbooks/{name}").status_code == 404
