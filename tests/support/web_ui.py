"""Airflow's pages as a person uses them: found by what they say, waited for, never slept for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
SCREEN = ViewportSize(width=1600, height=1100)
SHORT_MS = 30_000
"""How long a page may take on a busy machine."""


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
        self.page.goto("/")
        self.page.get_by_label("Username").fill(USER)
        self.page.get_by_label("Password").fill(json.loads(password_file(platform.home).read_text())[USER])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Welcome")).to_be_visible()

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
