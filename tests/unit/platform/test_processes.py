"""What belongs to a home, and how it is ended."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tideline.home import Home
from tideline.platform.processes import MARK, alive, end_all, orphans
from tideline.platform.waiting import wait_until

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a shell command with an environment; whatever is left of it ends with the test."""
    with ExitStack() as stack:

        def start(script: str, **environment: str) -> subprocess.Popen[str]:
            child = subprocess.Popen(
                ["/bin/sh", "-c", script],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(child)
            stack.callback(child.kill)
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            return child

        yield start


def test_only_what_the_platform_of_this_home_started_is_found(tmp_path: Path, spawn: Spawn) -> None:
    ours = spawn("echo ready; read x", **{MARK: str(tmp_path)})
    spawn("echo ready; read x", **{MARK: str(tmp_path / "other")})
    spawn("echo ready; read x", TIDELINE_HOME=str(tmp_path))
    assert [process.pid for process in orphans(Home(tmp_path))] == [ours.pid]


def test_what_ignores_term_is_killed(tmp_path: Path, spawn: Spawn) -> None:
    child = spawn("trap '' TERM; echo ready; while :; do /bin/sleep 0.1; done", **{MARK: str(tmp_path)})
    assert end_all(orphans(Home(tmp_path)), seconds=0.3) == []
    assert wait_until(lambda: not alive(child.pid), 10)


def test_nothing_to_end_is_no_error() -> None:
    assert end_all([]) == []
