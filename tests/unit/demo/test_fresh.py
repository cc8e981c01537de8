"""A demo that begins anew stops a stream only if the registry knows it, and it is not at its end; its mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.demo.fresh import left_mark, must_be_stopped
from tideline.home import Home


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], False),
        ([{"name": "other", "state": "STABLE"}], False),
        ([{"name": "s", "state": "STOPPED"}], False),
        ([{"name": "s", "state": "STABLE"}], True),
        ([{"name": "s", "state": "DRAINING"}], True),
        ([{"name": "other", "state": "STOPPED"}, {"name": "s", "state": "FAILED"}], True),
    ],
)
def test_only_a_known_stream_that_is_not_stopped_is_stopped(rows: list[dict[str, object]], expected: bool) -> None:
    assert must_be_stopped(rows, "s") is expected


def test_a_mark_is_read_again(tmp_path: Path) -> None:
    assert left_mark(marked(tmp_path, '{"topic_id": "a", "records": 5}'), "s") == {"topic_id": "a", "records": 5}


@pytest.mark.parametrize("text", ["", '{"topic_id": "a", "rec'])
def test_a_mark_that_was_cut_short_is_none(tmp_path: Path, text: str) -> None:
    assert left_mark(marked(tmp_path, text), "s") == left_mark(Home(tmp_path), "never") == {}


def marked(folder: Path, text: str) -> Home:
    home = Home(folder)
    home.stream("s").root.mkdir(parents=True)
    (home.stream("s").root / "demo.json").write_text(text)
    return home
