"""The page of two hundred streams in a real browser, without a platform: the test answers what the page asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

import tideline_airflow
from support.web_ui import SCREEN, SHORT_MS, STILL
from tideline.keeper.lifecycle import State
from tideline.page.fleet import Charts, Fleet, FleetRow
from tideline.page.tones import tone_of
from tideline_airflow.page_headers import PAGE, PLAIN
from tideline_airflow.page_templates import Place, render, tag_of

STREAMS: Final = 200
ADDRESS: Final = "http://tideline.test"
STATIC: Final = Path(tideline_airflow.__file__).parent / "static"
NOW: Final = 1_700_000_000_000
SERIOUS: Final = {"serious", "critical"}


def row(number: int) -> FleetRow:
    return FleetRow(
        name=f"stream-{number:03}",
        desired="RUNNING",
        state=State.STABLE,
        tone=tone_of(State.STABLE),
        reason="Healthy: 9 batches committed since the submit",
        since=NOW - 60_000,
        epoch=1,
        generation=1,
        backlog=number,
        watermark=NOW - 300_000,
        rate=12.5,
        batch=9,
        batch_at=NOW - 4_000,
        batch_ms=800,
        restarts=0,
        books=None,
        charts=Charts(("2,20 50,2 94,11",), ("2,2 94,20",)),
        has_ui=False,
        troubles=(),
    )


@dataclass
class Server:
    """What the web server would answer; one that hangs accepts, and never does."""

    rows: list[FleetRow] = field(default_factory=lambda: [row(number) for number in range(STREAMS)])
    hangs: bool = False

    def answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/tideline")
        fleet, place = Fleet(tuple(self.rows)), Place("/tideline", NOW)
        if path == "/streams":
            values = {"title": "Streams", "fleet": fleet, "etag": tag_of(fleet)}
            route.fulfill(body=render("fleet.html", place, **values), headers=PAGE, content_type="text/html")
        elif path.startswith("/static/"):
            route.fulfill(path=STATIC / path.removeprefix("/static/"))
        elif path == "/parts" and not self.hangs:
            headers = PLAIN | {"ETag": f'"{tag_of(fleet)}"'}
            route.fulfill(body=render("fleet_rows.html", place, fleet=fleet), headers=headers, content_type="text/html")

    def moves(self, number: int, state: State) -> None:
        """A stream in trouble comes first, as the server sorts them."""
        moved = replace(self.rows.pop(number), state=state, tone=tone_of(state), reason="a person is needed")
        self.rows.insert(0, moved)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page, shown."""
    context = browser.new_context(base_url=ADDRESS, viewport=SCREEN, timezone_id="UTC")
    context.set_default_timeout(SHORT_MS)
    expect.set_options(timeout=SHORT_MS)
    context.add_init_script(STILL)
    context.route("**/*", server.answer)
    page = context.new_page()
    page.goto("/tideline/streams")
    expect(rows(page)).to_have_count(STREAMS)
    yield page
    context.close()


def rows(page: Page) -> Locator:
    return page.locator("#streams > tr")


def test_two_hundred_rows_can_be_read_by_everybody(page: Page) -> None:
    expect(page.locator("#counts [data-tone=well] b")).to_have_text(str(STREAMS))
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in SERIOUS] == []


def test_a_stream_that_changes_is_announced_and_comes_first_and_no_other_row_is_drawn_again(
    page: Page, server: Server
) -> None:
    page.evaluate("document.querySelectorAll('#streams > tr').forEach((row) => { row.isOld = true; })")
    server.moves(117, State.FAILED)
    expect(page.locator("#news")).to_have_text("stream-117 is FAILED")
    expect(rows(page).first).to_contain_text("stream-117")
    expect(page.locator("#counts [data-tone=bad] b")).to_have_text("1")
    old = page.evaluate("[...document.querySelectorAll('#streams > tr')].filter((row) => row.isOld).length")
    assert old == STREAMS - 1


def test_a_narrowed_table_stays_so_while_it_goes_on(page: Page, server: Server) -> None:
    page.get_by_label("Show only").fill("stream-01")
    expect(rows(page).filter(visible=True)).to_have_count(10)
    server.moves(17, State.FAILED)
    expect(page.locator("#news")).to_have_text("stream-017 is FAILED")
    expect(rows(page).filter(visible=True)).to_have_count(10)


def test_a_server_that_accepts_and_does_not_answer_is_told_until_it_does(page: Page, server: Server) -> None:
    status = page.locator("#status")
    server.hangs = True
    expect(status).to_have_text("The server does not answer: what is shown is old.")
    server.hangs = False
    expect(status).to_have_text("")
