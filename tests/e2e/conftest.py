"""The demo, told once on a whole platform; the tests look at what it left."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.platform import Platform, running_platform
from support.real_logs import SHARED
from support.web_ui import WebUi

APACHE = SHARED / "apache_access.log"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a browser test failed, what the page showed, in the test's own folder."""
    report = yield
    values: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and isinstance(ui := values.get("ui"), WebUi):
        picture = values["tmp_path"] / "page.png"
        ui.page.screenshot(path=picture)
        report.sections.append(("the page", f"{ui.page.url}\n{picture}"))
    return report


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Database, broker and all of Airflow, with a home and ports of its own."""
    with running_platform(tmp_path_factory.mktemp("whole")) as running:
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
