from __future__ import annotations

import pytest

from tideline.keeper.lifecycle import ENDS, LIVE, TRANSITIONS, WAITS_FOR_A_PERSON, IllegalTransition, State, check

PAIRS = [(before, after) for before in State for after in State]


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair[1] in TRANSITIONS[pair[0]]])
def test_a_transition_of_the_table_is_allowed(before: State, after: State) -> None:
    check(before, after)


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair[1] not in TRANSITIONS[pair[0]]])
def test_any_other_transition_is_refused(before: State, after: State) -> None:
    with pytest.raises(IllegalTransition, match=f"from {before} to {after}"):
        check(before, after)


def test_a_driver_is_only_ever_submitted_after_fencing() -> None:
    assert [state for state in State if State.SUBMITTING in TRANSITIONS[state]] == [State.FENCING]


@pytest.mark.parametrize("state", [state for state in State if state not in ENDS])
def test_every_state_can_be_stopped(state: State) -> None:
    assert State.DRAINING in TRANSITIONS[state] or state is State.DRAINING


@pytest.mark.parametrize("state", sorted(LIVE | WAITS_FOR_A_PERSON))
def test_no_state_is_a_dead_end(state: State) -> None:
    seen, left = {state}, [state]
    while left:
        new = TRANSITIONS[left.pop()] - seen
        seen |= new
        left += new
    assert {State.STABLE, State.STOPPED, State.SUSPENDED} <= seen
