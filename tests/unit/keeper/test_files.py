from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tideline.keeper.epochs import EpochTaken, create_epoch, current_epoch
from tideline.keeper.heartbeat import parse_heartbeat, read_heartbeat

SAID = {"stream": "s", "epoch": 3, "tag": "s-e3", "at": 100}


def test_there_is_no_epoch_at_first(tmp_path: Path) -> None:
    assert current_epoch(tmp_path / "epochs") == 0


def test_the_greatest_epoch_is_obeyed(tmp_path: Path) -> None:
    for epoch in (2, 11, 9):
        create_epoch(tmp_path, epoch, {})
    (tmp_path / "notes.txt").touch()
    assert current_epoch(tmp_path) == 11


def test_an_epochs_file_says_what_it_is(tmp_path: Path) -> None:
    path = create_epoch(tmp_path, 7, {"reason": "lost"})
    assert (path.name, json.loads(path.read_text())) == ("00000007", {"epoch": 7, "reason": "lost"})


def test_of_many_that_create_an_epoch_one_succeeds(tmp_path: Path) -> None:
    def create(_: int) -> bool:
        try:
            create_epoch(tmp_path, 1, {})
        except EpochTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(40))) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"stream": "s"}'])
def test_what_is_no_heartbeat_is_none(text: str) -> None:
    assert parse_heartbeat(text) is None


def test_keys_of_a_newer_driver_are_passed_over() -> None:
    beat = parse_heartbeat(json.dumps({**SAID, "mood": "fine"}))
    assert beat is not None
    assert beat.epoch == 3


def test_what_a_driver_says_of_a_record_is_made_plain() -> None:
    """A database takes no NUL, a terminal obeys escapes, and a record's text may be as long as it likes."""
    trouble = {"part": "sink", "reason": "bad \x00\x1b[2J", "since": 1}
    beat = parse_heartbeat(json.dumps({**SAID, "exception": f"bad\x00\n{'x' * 2_000}", "troubles": [trouble]}))
    assert beat is not None and beat.exception is not None
    assert beat.exception.startswith("bad\\x00\\nxxx") and len(beat.exception) < 1_100
    assert beat.troubles[0]["reason"] == "bad \\x00\\x1b[2J"


def test_no_file_is_no_heartbeat(tmp_path: Path) -> None:
    assert read_heartbeat(tmp_path / "heartbeat.json") is None


@pytest.mark.parametrize(
    ("facts", "moved_at"),
    [
        ({"progress_at": 90, "batch_at": 50}, 90),
        ({"batch_at": 50}, 50),
        ({"batch_at": 50, "idle_triggers": 4}, 100),
        ({}, None),
    ],
)
def test_when_a_driver_last_moved(facts: dict[str, int], moved_at: int | None) -> None:
    beat = parse_heartbeat(json.dumps(SAID | facts))
    assert beat is not None
    assert beat.moved_at == moved_at
