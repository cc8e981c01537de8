"""Airflow's pages as a person uses them: found by what they say, waited for, never slept for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from support.platform import Platform
from tideline.airflow_api import USER
from tideline.platform.keys import password_file

QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
STILL = """
addEventListener('DOMContentLoaded', () => document.head.append(Object.assign(document.createElement('style'), {
  textContent: '*, ::before, ::after { animation: none !important; transition: none !important }'})))
"""
"""For each document: what moves is drawn again and again, without a graphics card by most of a core."""
STREAM = "user-events"
"""What the browser tests deploy."""
SCREEN = ViewportSize(width=1600, height=1100)
SHORT_MS = 30_000
"""How long a page may take on a busy machine."""
FIRST_MS = 180_000
"""How long the first page may take: the server that draws it has only just begun to listen."""


@contextmanager
def browser_of(path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=QUIET)
        yield browser
        browser.close()


@dataclass(frozen=True)
class WebUi:
    """One person's browser window, at one platform's pages."""

    page: Page

    def sign_in(self, platform: Platform) -> None:
        self.page.goto("/", timeout=FIRST_MS)
        self.page.get_by_label("Username").fill(USER)
        self.page.get_by_label("Password").fill(json.loads(password_file(platform.home).read_text())[USER])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Welcome")).to_be_visible()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody looks meanwhile: drawing Airflow's page without a graphics card takes most of a core, which a driver
        that starts needs."""
        address = self.page.url
        self.page.goto("about:blank")
        yield
        self.page.goto(address)

    def form(self, dag_id: str) -> Locator:
        """The dialog by which the DAG is triggered."""
        self.page.goto(f"/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        dialog = self.page.get_by_role("dialog").filter(has=self.page.get_by_role("heading", name=dag_id))
        expect(dialog.get_by_role("button", name="Run Parameters")).to_be_visible()
        return dialog

    def triggered(self, dialog: Locator) -> str:
        """Submits the form; the run whose page opens."""
        dialog.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url(re.compile("/runs/"))
        return self.shown_run()

    def shown_run(self) -> str:
        return str(self.page.get_by_role("heading", name=re.compile("^(manual|scheduled|backfill)__")).inner_text())

    def choose_time(self, dialog: Locator, field: str, when: datetime) -> None:
        """Fills in a date and time (UTC)."""
        group = dialog.get_by_role("group").filter(has=self.page.get_by_text(field, exact=True))
        group.get_by_text("Select date and time").click()
        self.page.get_by_role("textbox", name=field).fill(f"{when:%Y/%m/%d}")
        time_of_day = self.page.get_by_role("textbox", name="HH:mm")
        time_of_day.fill(f"{when:%H:%M}")
        self.page.keyboard.press("Escape")
        expect(time_of_day).to_have_count(0)  # the next field's would be a second one
        expect(group).to_contain_text(f"{when:%H:%M}")

    def clear_run(self, dag_id: str, run_id: str) -> None:
        """Has every task of a run done again."""
        self.page.goto(f"/dags/{dag_id}/runs/{run_id}")
        self.page.get_by_role("button", name="Press shift+c to clear").click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"Clear Dag Run: {run_id}")
        dialog.get_by_role("button", name="Confirm").click()
        expect(dialog).to_be_hidden()

    def backfill(self, dag_id: str, first: datetime, last: datetime) -> None:
        """Has the intervals run that begin from `first` to `last`: three of them."""
        dialog = self.form(dag_id)
        dialog.get_by_text("Backfill", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Run Backfill")).to_be_disabled()
        self.choose_time(dialog, "From", first)
        self.choose_time(dialog, "To", last)
        expect(dialog.get_by_text("3 runs will be triggered.")).to_be_visible()
        dialog.get_by_role("button", name="Run Backfill").click()
        expect(dialog).to_be_hidden()
