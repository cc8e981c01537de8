"""The pages about streams: who sees them, and that what came out of logs stays text in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tideline_airflow.stream_pages import new_router, stream_template
from tideline_airflow.web import new_app

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
ROUTES = [route.path.replace("{stream}", "small") for route in new_router().routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize("path", ROUTES)
def test_who_is_not_signed_in_sees_nothing(tmp_path: Path, path: str) -> None:
    assert TestClient(new_app(tmp_path)).get(path, follow_redirects=False).status_code == 401


def test_there_is_a_page_for_all_for_one_and_for_what_it_has() -> None:
    assert ROUTES == [
        "/streams",
        "/streams/small",
        "/streams/small/spark-ui",
        "/streams/small/driver-log",
        "/streams/small/checkpoint",
    ]


def test_hostile_words_are_shown_as_words() -> None:
    row = dict.fromkeys(("name", "desired", "state", "epoch", "generation", "batch", "backlog", "reason"), HOSTILE)
    trouble = {"part": HOSTILE, "since": HOSTILE, "reason": HOSTILE}
    step = dict.fromkeys(("at", "from_state", "to_state", "epoch", "actor", "reason"), HOSTILE)
    page = stream_template().render(
        title=HOSTILE,
        base="/tideline/streams",
        rows=[{**row, "has_ui": True, "troubles": [trouble]}],
        transitions=[step],
    )
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_a_name_is_one_step_of_a_path() -> None:
    page = stream_template().render(
        title="Streams", base="/tideline/streams", rows=[{"name": 'a/../b"c?d', "troubles": []}]
    )
    assert 'href="/tideline/streams/a%2F..%2Fb%22c%3Fd"' in page
