from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.keeper.evidence import CheckpointView, backlog_of

BEGINS = '{"logs":{"0":400,"1":7}}'
ENTRY = 'v1\n{"batchWatermarkMs":90000,"batchTimestampMs":5,"conf":{}}\n{"logs":{"0":450,"1":9}}'
ENDS = {0: 500, 1: 10}


def view(folder: Path, files: Mapping[str, str], topic: str | None = "logs") -> CheckpointView:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return view_checkpoint(folder, topic)


@pytest.mark.parametrize(
    ("files", "backlog"),
    [
        ({}, 510),
        ({"sources/0/0": f"\0v1\n{BEGINS}"}, 103),
        ({"sources/0/0": f"\0v1\n{BEGINS}", "offsets/0": ENTRY}, 103),
        ({"sources/0/0": f"\0v1\n{BEGINS}", "offsets/0": ENTRY, "commits/0": "v1\n{}"}, 51),
        ({"sources/0/0": '\0v1\n{"logs":{"0":400}}'}, 110),
        ({"sources/0/0": '\0v1\n{"another":{"0":400}}'}, 510),
        ({"sources/0/0": '\0v1\n{"path":"file:///a","batchId":0}'}, 510),
        ({"sources/0/0": '\0v1\n{"logs":{"0":4'}, 510),
        ({"sources/0/0": f"\0v1\n{BEGINS}", "sources/1/0": f"\0v1\n{BEGINS}"}, 103),
    ],
)
def test_the_backlog_of_a_new_generation_is_what_it_is_to_read(
    tmp_path: Path, files: Mapping[str, str], backlog: int
) -> None:
    assert backlog_of(view(tmp_path, files), ENDS) == backlog


def test_without_a_topic_there_are_no_offsets(tmp_path: Path) -> None:
    assert view(tmp_path, {"sources/0/0": f"\0v1\n{BEGINS}"}, topic=None).ends is None
