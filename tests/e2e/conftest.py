"""The demo, told once on a whole platform; the tests look at what it left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Error as BrowserError

from support.debian import CHROMIUM
from support.platform import Platform, running_platform
from support.real_logs import SHARED
from support.web_ui import SCREEN, SHORT_MS, STILL, STREAM, WebUi, browser_of
from tideline.airflow_api import AirflowApi
from tideline.home import PROJECT_SPECS
from tideline.keeper.lifecycle import Desired, State
from tideline.platform.waiting import wait_until
from tideline.registry.requests import Request
from tideline.registry.store import Registry

APACHE = SHARED / "apache_access.log"
OWN_SPECS = Path(__file__).parent / "streams"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a browser test failed, what the page showed, in the test's own folder."""
    report = yield
    values: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and isinstance(ui := values.get("ui"), WebUi):
        picture = values["tmp_path"] / "page.png"
        with suppress(BrowserError):  # a page that hangs has no picture
            ui.page.screenshot(path=picture)
        report.sections.append(("the page", f"{ui.page.url}\n{picture}"))
    return report


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Database, broker and all of Airflow, with a home and ports of its own, the project's specs and the tests'."""
    include = tmp_path_factory.mktemp("include")
    for folder in ("streams", "expectations"):
        shutil.copytree(PROJECT_SPECS.parent / folder, include / folder)
    shutil.copytree(OWN_SPECS, include / "streams", dirs_exist_ok=True)
    with running_platform(tmp_path_factory.mktemp("whole"), specs=include / "streams") as running:
        yield running


@pytest.fixture(scope="session")
def source() -> Path | None:
    """The real log beside the checkout, or None: then the story is told with seeded traffic, and says so."""
    return APACHE if APACHE.exists() else None


@pytest.fixture(scope="session")
def told(whole: Platform, source: Path | None) -> dict[str, Any]:
    """What `tideline demo --json` printed."""
    done = whole.run("demo", "--json", *(("--file", str(source)) if source else ()))
    assert done.returncode == 0, done.stderr[-4000:]
    proof: dict[str, Any] = json.loads(done.stdout)
    return proof


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = CHROMIUM.find()
    if found is None:
        pytest.skip(CHROMIUM.missing)
    with browser_of(found) as browser:
        yield browser


@pytest.fixture(scope="module")
def ui_of_person(browser: Browser, whole: Platform) -> Iterator[WebUi]:
    """Signed in once, as a person is for a day."""
    context = browser.new_context(base_url=whole.settings.api_url, viewport=SCREEN, timezone_id="UTC")
    context.set_default_timeout(SHORT_MS)
    context.add_init_script(STILL)
    expect.set_options(timeout=SHORT_MS)
    ui = WebUi(context.new_page())
    ui.sign_in(whole)
    yield ui
    context.close()


@pytest.fixture
def ui(ui_of_person: WebUi, tmp_path: Path) -> WebUi:
    """With a folder for a picture of the page, should the test fail."""
    return ui_of_person


@pytest.fixture(scope="session")
def api(whole: Platform) -> AirflowApi:
    return AirflowApi(whole.settings, whole.home)


@pytest.fixture(scope="session")
def registry(whole: Platform) -> Iterator[Registry]:
    """At the end the stream of the browser tests is stopped."""
    registry = Registry.connect(whole.settings.registry_url)
    yield registry
    if any(row.name == STREAM for row in registry.streams()):
        registry.request(Request(STREAM, Desired.STOPPED, "someone"))
        wait_until(lambda: registry.stream(STREAM).state is State.STOPPED, 120, every=1)
    registry.close()
