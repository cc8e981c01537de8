from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tideline.keeper.exit_status import classify
from tideline.keeper.failures import ASKS_A_PERSON, Failure, FailureClass
from tideline.keeper.restart_policy import Answer, Rules, budget_left, decide
from tideline.keeper.verdict import Kind

RULES = Rules()
NOW = 100_000_000
INFRASTRUCTURE, TRANSIENT = FailureClass.INFRASTRUCTURE, FailureClass.TRANSIENT

failure = st.builds(
    Failure, at=st.integers(NOW - 7_200_000, NOW), kind=st.sampled_from(FailureClass), proved=st.booleans()
)
histories = st.lists(failure, min_size=1, max_size=60).map(lambda found: sorted(found, key=lambda f: -f.at))


def failures(kind: FailureClass, count: int, proved: bool = False, apart_s: int = 30) -> list[Failure]:
    return [Failure(NOW - n * apart_s * 1000, kind, proved) for n in range(count)]


def waits(history: list[Failure], jitter: float = 0.0) -> int:
    return decide(history, RULES, NOW, jitter).at - NOW


@pytest.mark.parametrize(("count", "seconds"), [(1, 0), (2, 5), (3, 10), (4, 20), (7, 160), (8, 300), (50, 300)])
def test_infrastructure_is_mended_at_once_then_ever_later(count: int, seconds: int) -> None:
    assert waits(failures(INFRASTRUCTURE, count)) == seconds * 1000


@pytest.mark.parametrize(("count", "seconds"), [(1, 5), (2, 10), (3, 20)])
def test_a_failing_query_backs_off_from_the_first(count: int, seconds: int) -> None:
    assert waits(failures(TRANSIENT, count)) == seconds * 1000


@pytest.mark.parametrize(
    ("count", "apart_s", "answer"),
    [
        (3, 30, Answer.RESTART),
        (4, 30, Answer.CRASH_LOOP),
        (4, 300, Answer.RESTART),
        (5, 600, Answer.CRASH_LOOP),
        (5, 1000, Answer.RESTART),
    ],
)
def test_two_budgets_of_failures(count: int, apart_s: int, answer: Answer) -> None:
    assert decide(failures(TRANSIENT, count, apart_s=apart_s), RULES, NOW, 0.0).answer is answer


@given(histories)
def test_the_budget_left_says_which_failure_makes_a_crash_loop(history: list[Failure]) -> None:
    next_one = decide([Failure(NOW, TRANSIENT, False), *history], RULES, NOW, 0.0).answer
    assert (next_one is Answer.CRASH_LOOP) == (budget_left(history, RULES, NOW) <= 1)


def test_a_proved_run_gives_the_budget_back() -> None:
    history = [Failure(NOW, TRANSIENT, True), *failures(TRANSIENT, 4)]
    assert decide(history, RULES, NOW, 0.0).answer is Answer.RESTART


def test_a_killed_driver_that_was_proved_is_restarted_at_once_every_time() -> None:
    assert waits(failures(INFRASTRUCTURE, 20, proved=True)) == 0


def test_lost_machines_use_no_budget_of_the_query() -> None:
    history = [Failure(NOW, TRANSIENT, False), *failures(INFRASTRUCTURE, 10)]
    assert decide(history, RULES, NOW, 0.0).answer is Answer.RESTART


@pytest.mark.parametrize("kind", sorted(ASKS_A_PERSON))
def test_what_no_restart_mends_asks_a_person(kind: FailureClass) -> None:
    assert decide([Failure(NOW, kind, True)], RULES, NOW, 0.0).answer is Answer.ASK


@given(histories, st.floats(0, 1, exclude_max=True))
@example([Failure(NOW - 3_600_000, TRANSIENT, False)] * 5, 0.0)
def test_no_wait_is_longer_than_the_longest_but_a_crash_loops_hour(history: list[Failure], jitter: float) -> None:
    found = decide(history, RULES, NOW, jitter)
    longest = 3_600_000 if found.answer is Answer.CRASH_LOOP else RULES.backoff_max_ms
    assert 0 <= found.at - NOW <= longest


@given(histories, st.floats(0, 1, exclude_max=True))
def test_jitter_only_lengthens_a_wait(history: list[Failure], jitter: float) -> None:
    assert waits(history, jitter) >= waits(history)


@given(histories)
def test_infrastructure_alone_never_ends_in_a_crash_loop(history: list[Failure]) -> None:
    lost = [Failure(found.at, INFRASTRUCTURE, found.proved) for found in history]
    assert decide(lost, RULES, NOW, 0.0).answer is Answer.RESTART


@given(histories)
def test_one_more_failure_never_shortens_the_wait(history: list[Failure]) -> None:
    lost = [Failure(found.at, INFRASTRUCTURE, False) for found in history]
    assert waits([Failure(NOW, INFRASTRUCTURE, False), *lost]) >= waits(lost)


@pytest.mark.parametrize(
    ("kind", "status", "failure_class"),
    [
        (Kind.DRIVER_LOST, -1, INFRASTRUCTURE),
        (Kind.DRIVER_LOST, 137, INFRASTRUCTURE),
        (Kind.DRIVER_LOST, None, INFRASTRUCTURE),
        (Kind.DRIVER_LOST, 0, INFRASTRUCTURE),
        (Kind.DRIVER_LOST, 1, TRANSIENT),
        (Kind.DRIVER_LOST, 70, TRANSIENT),
        (Kind.DRIVER_LOST, 64, FailureClass.SUPERSEDED),
        (Kind.DRIVER_LOST, 65, FailureClass.CONFIGURATION),
        (Kind.DRIVER_LOST, 127, FailureClass.CONFIGURATION),
        (Kind.DRIVER_LOST, 66, FailureClass.STATE),
        (Kind.DRIVER_LOST, 67, FailureClass.CODE),
        (Kind.DRIVER_LOST, 68, FailureClass.AUTH),
        (Kind.DRIVER_LOST, 69, FailureClass.OUT_OF_MEMORY),
        (Kind.DRIVER_LOST, 71, INFRASTRUCTURE),
        (Kind.DRIVER_LOST, 52, FailureClass.OUT_OF_MEMORY),
        (Kind.HUNG, None, FailureClass.HUNG),
        (Kind.NEVER_STARTED, None, FailureClass.HUNG),
    ],
)
def test_the_exit_status_tells_the_class(kind: Kind, status: int | None, failure_class: FailureClass) -> None:
    assert classify(kind, status) is failure_class
