"""One word for one thing, in documents, dashboards and pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tideline.home import CHECKOUT

WRITTEN: Final = [
    *(CHECKOUT / "docs").rglob("*.md"),
    *(CHECKOUT / "include" / "grafana").rglob("*.json"),
    *(CHECKOUT / "plugins" / "tideline_airflow" / "templates").glob("*.html"),
]


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.name)
def test_what_is_not_read_yet_is_the_backlog_which_others_call_consumer_lag(file: Path) -> None:
    said = file.read_text().replace("consumer lag", "")
    assert re.findall(r"(?i)\blags?\b", said) == []
