"""Drivers under a real supervisord: hosted, ended, forgotten."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.platform import Platform
from tideline.home import Home
from tideline.platform.supervisor import ProgramRunning, ProgramState, Supervisor, SupervisorUnreachable
from tideline.platform.waiting import wait_until

NAME = "driver-of-a-test"
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['WORD']]))"
STUBBORN = ["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo ready; while :; do sleep 1; done"]


@pytest.fixture
def supervisor(platform: Platform) -> Iterator[Supervisor]:
    supervisor = Supervisor(platform.home)
    yield supervisor
    supervisor.kill(NAME)
    supervisor.remove_program(NAME)


def ended(supervisor: Supervisor) -> ProgramState:
    assert wait_until(lambda: not supervisor.state(NAME).alive, 20)
    return supervisor.state(NAME)


def test_any_text_reaches_a_driver(supervisor: Supervisor, tmp_path: Path) -> None:
    words = ["100% %(here)s", "a ;b #c", "'single' \"double\" \\", "two\nlines", "", "ä"]
    supervisor.add_program(NAME, [sys.executable, "-c", SHOW, *words], {"WORD": words[2]}, tmp_path / "log")
    ended(supervisor)
    assert wait_until(lambda: (tmp_path / "log").read_text().endswith("\n"), 10)
    assert json.loads((tmp_path / "log").read_text()) == [words, words[2]]


def test_a_driver_is_never_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add_program(NAME, ["/bin/sh", "-c", "exit 3"], {}, tmp_path / "log")
    state = ended(supervisor)
    assert (state.state, state.exit_status) == ("EXITED", 3)
    assert state.started_at is not None
    assert state.stopped_at is not None


def test_a_running_driver_keeps_its_name_and_an_ended_one_gives_it_up(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add_program(NAME, ["sleep", "1000"], {}, tmp_path / "log")
    with pytest.raises(ProgramRunning):
        supervisor.add_program(NAME, ["true"], {}, tmp_path / "log")
    supervisor.stop_program(NAME)
    supervisor.add_program(NAME, ["sleep", "1000"], {}, tmp_path / "log")
    assert supervisor.state(NAME).state == "RUNNING"


def test_what_ignores_term_is_killed_with_its_group(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add_program(NAME, STUBBORN, {}, tmp_path / "log")
    assert wait_until(lambda: (tmp_path / "log").exists() and "ready" in (tmp_path / "log").read_text(), 10)
    pid = supervisor.state(NAME).pid
    assert pid is not None
    assert supervisor.stop_program(NAME, 1).state == "STOPPED"
    assert wait_until(lambda: not _group_exists(pid), 10)


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_removed_driver_is_absent_and_leaves_no_file(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add_program(NAME, ["sleep", "1000"], {}, tmp_path / "log")
    supervisor.remove_program(NAME)
    assert supervisor.state(NAME) == ProgramState(NAME, "ABSENT")
    assert list((supervisor.folder / "drivers").glob(f"{NAME}*")) == []


@pytest.mark.parametrize("name", ["", "a:b", "../x", "-x", "a b", "a]"])
def test_a_name_that_would_break_the_file_is_refused(supervisor: Supervisor, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name for a program"):
        supervisor.add_program(name, ["true"], {}, tmp_path / "log")


def test_without_a_supervisord_nothing_is_claimed(tmp_path: Path) -> None:
    with pytest.raises(SupervisorUnreachable):
        Supervisor(Home(tmp_path)).state(NAME)
