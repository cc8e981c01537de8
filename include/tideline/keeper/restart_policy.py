"""When a lost driver is started again: a pure function of its failures, the rules and the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tideline.keeper.failures import ASKS_A_PERSON, USES_BUDGET, Failure, FailureClass
from tideline.spec.model import Driven

_TEN_MINUTES = 600_000
_HOUR = 3_600_000
_JITTER = 0.2


class Answer(StrEnum):
    """What follows from a failure."""

    RESTART = "restart"
    CRASH_LOOP = "crash loop"
    ASK = "ask a person"


@dataclass(frozen=True)
class Rules:
    """Waits and budgets of one stream."""

    backoff_ms: int = 5_000
    backoff_max_ms: int = 300_000
    in_10_minutes: int = 4
    in_an_hour: int = 5

    @classmethod
    def of(cls, spec: Driven) -> Rules:
        restart = spec.restart
        return cls(
            backoff_ms=restart.backoff,
            backoff_max_ms=restart.backoff_max,
            in_10_minutes=restart.failures_in_10_minutes,
            in_an_hour=restart.failures_in_an_hour,
        )


@dataclass(frozen=True)
class Restart:
    """The answer; `at` is when to start again, in epoch milliseconds; of a crash loop, when to try it."""

    answer: Answer
    at: int
    why: str


def decide(failures: Sequence[Failure], rules: Rules, now: int, jitter: float, probes: int = 0) -> Restart:
    """`failures` are newest first and not empty; `jitter` lies in [0, 1) and spreads restarts apart. A crash loop is
    tried again once an hour: `probes` says how often it was, 0 outside of one."""
    newest = failures[0]
    if newest.kind in ASKS_A_PERSON:
        article = "an" if newest.kind is FailureClass.AUTH else "a"
        return Restart(Answer.ASK, now, f"{article} {newest.kind} failure needs a person")
    since_proof = _since_proof(failures)
    spent = _spent(since_proof, rules, now)
    if newest.kind in USES_BUDGET and probes:
        return Restart(Answer.CRASH_LOOP, now + _HOUR, f"probe {probes} failed too, the next is in an hour")
    if newest.kind in USES_BUDGET and spent:
        return Restart(Answer.CRASH_LOOP, now + _HOUR, f"{spent}; it is tried again in an hour")
    wait = _wait(since_proof, rules, jitter)
    when = f"in {wait / 1000:.1f} s" if wait else "at once"
    return Restart(Answer.RESTART, now + wait, f"{newest.kind} failure, restart {when}")


def budget_left(failures: Sequence[Failure], rules: Rules, now: int) -> int:
    """How many more failures make it a crash loop; those that were are newest first."""
    recent, hourly = _used(_since_proof(failures), now)
    return max(0, min(rules.in_10_minutes - recent, rules.in_an_hour - hourly))


def _since_proof(failures: Sequence[Failure]) -> list[Failure]:
    """The failures since a driver was last proved stable, the end of that one included."""
    taken: list[Failure] = []
    for failure in failures:
        taken.append(failure)
        if failure.proved:
            break
    return taken


def _spent(failures: Sequence[Failure], rules: Rules, now: int) -> str | None:
    """Which budget is used up."""
    recent, hourly = _used(failures, now)
    if recent >= rules.in_10_minutes:
        return f"{recent} failures in 10 minutes, {rules.in_10_minutes} allowed"
    return f"{hourly} failures in an hour, {rules.in_an_hour} allowed" if hourly >= rules.in_an_hour else None


def _used(failures: Sequence[Failure], now: int) -> tuple[int, int]:
    """The failures of the last ten minutes and of the last hour; the end of a proved run is none."""
    ages = [now - failure.at for failure in failures if failure.kind in USES_BUDGET and not failure.proved]
    return sum(age <= _TEN_MINUTES for age in ages), sum(age <= _HOUR for age in ages)


def _wait(failures: Sequence[Failure], rules: Rules, jitter: float) -> int:
    """Doubles with each failure of the newest one's sort; what the machine did is mended at once the first time."""
    uses_budget = failures[0].kind in USES_BUDGET
    alike = sum((failure.kind in USES_BUDGET) == uses_budget for failure in failures)
    doublings = alike - 1 if uses_budget else alike - 2
    if doublings < 0:
        return 0
    # 2**40 is past any limit; a longer history must not make the number itself a burden.
    wait = min(rules.backoff_ms * 2 ** min(doublings, 40), rules.backoff_max_ms)
    return int(min(wait * (1 + _JITTER * jitter), rules.backoff_max_ms))
