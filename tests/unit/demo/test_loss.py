"""Only a living driver is killed, and only the word of its loss counts as detection."""

from __future__ import annotations

import pytest

from tideline.demo.loss import loss_seen_at, require_pid
from tideline.errors import UserError
from tideline.keeper.lifecycle import State
from tideline.platform.supervisor import ProgramState
from tideline.registry.rows import TransitionRow

LOST = "DriverLost: the launcher says EXITED, killed by a signal"


def test_the_pid_of_a_driver_that_runs() -> None:
    assert require_pid(ProgramState("driver-s", "RUNNING", 4711), "s") == 4711


@pytest.mark.parametrize(
    "program",
    [
        ProgramState("driver-s", "ABSENT"),
        ProgramState("driver-s", "EXITED", None, 65),
        ProgramState("driver-s", "EXITED", 4711, 65),
        ProgramState("driver-s", "RUNNING", 0),
    ],
)
def test_a_driver_that_does_not_run_is_not_killed(program: ProgramState) -> None:
    with pytest.raises(UserError, match="the driver of 's' does not run: nothing to kill") as error:
        require_pid(program, "s")
    assert error.value.fix == "look at `tideline status`"


def row(id: int, to: State, reason: str) -> TransitionRow:
    return TransitionRow(id, "s", State.STABLE, to, reason, {}, "keep_streams", 1, 1, None, 1000 + id)


@pytest.mark.parametrize(
    ("rows", "at"),
    [
        ([], None),
        ([row(5, State.UNHEALTHY, LOST)], None),
        ([row(6, State.DEGRADED, "HeartbeatLost: the last heartbeat was 16 s ago")], None),
        ([row(6, State.UNHEALTHY, "Hung: no progress for 61 s with a backlog of 9")], None),
        ([row(6, State.FENCING, LOST)], None),
        ([row(8, State.FENCING, LOST), row(7, State.UNHEALTHY, LOST), row(6, State.STABLE, "Idle")], 1007),
        ([row(9, State.UNHEALTHY, LOST), row(7, State.UNHEALTHY, LOST)], 1007),
    ],
)
def test_the_loss_is_seen_with_the_first_word_of_it(rows: list[TransitionRow], at: int | None) -> None:
    assert loss_seen_at(rows, after=5) == at
