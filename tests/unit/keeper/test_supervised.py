from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tideline.home import Home
from tideline.launcher.base import DriverStillThere, LauncherUnreachable, Phase
from tideline.launcher.supervised import SupervisorLauncher
from tideline.platform.supervisor import ProgramState, SupervisorUnreachable


class FakePrograms:
    """Supervisor's answers, for one program."""

    def __init__(self) -> None:
        self.answer = ProgramState("driver-s", "ABSENT")
        self.added: list[tuple[str, list[str], Path]] = []
        self.reachable = True

    def state(self, name: str) -> ProgramState:
        if not self.reachable:
            raise SupervisorUnreachable("no answer")
        return self.answer

    def add_program(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.added.append((name, list(command), log))

    def stop_program(self, name: str, timeout: float = 30.0) -> ProgramState:
        return self.state(name)

    def kill(self, name: str) -> ProgramState:
        return self.state(name)


@pytest.fixture
def programs() -> FakePrograms:
    return FakePrograms()


@pytest.fixture
def launcher(tmp_path: Path, programs: FakePrograms) -> SupervisorLauncher:
    return SupervisorLauncher(Home(tmp_path), programs)


def test_a_driver_is_a_program_with_its_log_in_the_streams_home(
    tmp_path: Path, programs: FakePrograms, launcher: SupervisorLauncher
) -> None:
    launcher.submit("s", "s-e1", ["run"], {})
    assert programs.added == [("driver-s", ["run"], Home(tmp_path).stream("s").log)]


def test_the_tag_is_found_again(launcher: SupervisorLauncher) -> None:
    assert launcher.observe("s").tag is None
    launcher.submit("s", "s-e1", ["run"], {})
    assert launcher.observe("s").tag == "s-e1"


def test_the_tag_of_a_driver_that_still_runs_is_kept(programs: FakePrograms, launcher: SupervisorLauncher) -> None:
    launcher.submit("s", "s-e1", ["run"], {})
    programs.answer = ProgramState("driver-s", "RUNNING", pid=5)
    with pytest.raises(DriverStillThere):
        launcher.submit("s", "s-e2", ["run"], {})
    assert launcher.observe("s").tag == "s-e1"


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("ABSENT", Phase.ABSENT),
        ("STARTING", Phase.STARTING),
        ("RUNNING", Phase.RUNNING),
        ("STOPPING", Phase.STOPPING),
        ("STOPPED", Phase.EXITED),
        ("EXITED", Phase.EXITED),
        ("FATAL", Phase.EXITED),
        ("UNKNOWN", Phase.EXITED),
    ],
)
def test_every_state_of_a_program_is_a_phase(
    programs: FakePrograms, launcher: SupervisorLauncher, state: str, phase: Phase
) -> None:
    programs.answer = ProgramState("driver-s", state)
    assert launcher.observe("s").phase is phase


def test_times_are_milliseconds(programs: FakePrograms, launcher: SupervisorLauncher) -> None:
    programs.answer = ProgramState("driver-s", "RUNNING", started_at=datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC))
    assert launcher.observe("s").started_at == 5000


def test_a_supervisor_that_does_not_answer_is_unreachable(programs: FakePrograms, launcher: SupervisorLauncher) -> None:
    programs.reachable = False
    with pytest.raises(LauncherUnreachable):
        launcher.observe("s")
