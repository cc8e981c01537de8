"""What a button of a stream's page says in a real browser, without a platform: the test answers for Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import tideline_airflow
from support.web_ui import SHORT_MS

ADDRESS: Final = "http://tideline.test"
ACTS: Final = Path(tideline_airflow.__file__).parent / "static" / "acts.js"
PAGE: Final = """<!doctype html><body data-airflow="/sub">
<p id="message" role="status"></p>
<button data-dag="stop_stream" data-stream="web" data-label="Stop" data-asks="">Stop</button>
<script src="acts.js"></script>"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=ADDRESS)
    context.set_default_timeout(SHORT_MS)
    expect.set_options(timeout=SHORT_MS)
    page = context.new_page()
    page.route(f"{ADDRESS}/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.route("**/acts.js", lambda route: route.fulfill(path=ACTS))
    page.goto("/")
    yield page
    context.close()


def said(page: Page, answer: Callable[[Route], None], told: str) -> None:
    page.route("**/sub/api/v2/dags/stop_stream/dagRuns", answer)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("status")).to_have_text(told)
    expect(page.get_by_role("button", name="Stop")).to_be_enabled()


def test_a_run_is_linked(page: Page) -> None:
    said(page, lambda route: route.fulfill(json={"dag_run_id": "manual <1>"}), "Stop: run manual <1>")
    assert page.get_by_role("link").get_attribute("href") == "/sub/dags/stop_stream/runs/manual%20%3C1%3E"


@pytest.mark.parametrize(
    ("status", "detail", "told"),
    [
        (403, "Forbidden", "Forbidden"),
        (403, None, "you may not do this"),
        (401, "Not authenticated", "you are signed out"),
        (409, "a run is there\nand more", "a run is there"),
        (500, None, "HTTP 500"),
    ],
)
def test_a_refusal_says_why(page: Page, status: int, detail: str | None, told: str) -> None:
    answer = {} if detail is None else {"detail": detail}
    said(page, lambda route: route.fulfill(status=status, json=answer), f"Stop: refused, {told}")


def test_without_an_answer_nobody_knows_whether_there_is_a_run(page: Page) -> None:
    told = "Stop: Airflow does not answer; before you press again, see whether stop_stream has a new run"
    said(page, lambda route: route.abort(), told)
