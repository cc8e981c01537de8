"""The lifecycle of a stream: one table of transitions, and anything else is refused."""

from __future__ import annotations

from enum import StrEnum


class Desired(StrEnum):
    """What a person wants of a stream."""

    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    STOPPED = "STOPPED"


class State(StrEnum):
    """Where a stream is; STOPPED and SUSPENDED are the ends, and STOPPED the beginning too."""

    STOPPED = "STOPPED"
    SUSPENDED = "SUSPENDED"
    FENCING = "FENCING"
    SUBMITTING = "SUBMITTING"
    STARTING = "STARTING"
    DEPLOYED = "DEPLOYED"
    STABLE = "STABLE"
    DEGRADED = "DEGRADED"
    UNKNOWN = "UNKNOWN"
    UNHEALTHY = "UNHEALTHY"
    BACKOFF = "BACKOFF"
    CRASH_LOOP = "CRASH_LOOP"
    FAILED = "FAILED"
    DRAINING = "DRAINING"
    UPGRADING = "UPGRADING"
    ROLLING_BACK = "ROLLING_BACK"


class IllegalTransition(ValueError):
    """A step that the table does not hold."""


ENDS = frozenset({State.STOPPED, State.SUSPENDED})
LIVE = frozenset({State.STARTING, State.DEPLOYED, State.STABLE, State.DEGRADED, State.UNKNOWN})
WAITS_FOR_A_PERSON = frozenset({State.CRASH_LOOP, State.FAILED})
BETWEEN_DRIVERS = frozenset(
    {
        State.UNHEALTHY,
        State.FENCING,
        State.SUBMITTING,
        State.STARTING,
        State.BACKOFF,
        State.UPGRADING,
        State.ROLLING_BACK,
    }
)
_REPLACES = frozenset({State.UPGRADING, State.ROLLING_BACK})
_FROM_LIVE = LIVE | _REPLACES | {State.UNHEALTHY, State.DRAINING}

# Every start goes by way of FENCING, so no driver is ever submitted under an epoch that another may hold.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.STOPPED: frozenset({State.FENCING, State.SUSPENDED}),
    State.SUSPENDED: frozenset({State.FENCING, State.STOPPED}),
    State.FENCING: frozenset({State.SUBMITTING, State.BACKOFF, State.FAILED, State.DRAINING, State.ROLLING_BACK}),
    State.SUBMITTING: frozenset({State.STARTING, State.FENCING, State.BACKOFF, State.FAILED, State.DRAINING}),
    State.STARTING: _FROM_LIVE - {State.STARTING},
    State.DEPLOYED: _FROM_LIVE - {State.STARTING},  # to itself where it waits for something else now
    State.STABLE: _FROM_LIVE - {State.STARTING, State.DEPLOYED, State.STABLE},
    State.DEGRADED: _FROM_LIVE - {State.STARTING},  # to itself where another thing is graver now
    State.UNKNOWN: _FROM_LIVE - {State.UNKNOWN},
    State.UNHEALTHY: frozenset(
        {State.FENCING, State.BACKOFF, State.CRASH_LOOP, State.FAILED, State.DRAINING} | _REPLACES
    ),
    State.BACKOFF: frozenset({State.FENCING, State.CRASH_LOOP, State.DRAINING, *_REPLACES}),
    State.CRASH_LOOP: frozenset({State.FENCING, State.FAILED, State.DRAINING, State.ROLLING_BACK}),
    State.FAILED: frozenset({State.FENCING, State.DRAINING, State.ROLLING_BACK}),
    State.DRAINING: ENDS | {State.FENCING},
    State.UPGRADING: frozenset({State.FENCING, State.ROLLING_BACK, State.FAILED, State.DRAINING}),
    State.ROLLING_BACK: frozenset({State.FENCING, State.FAILED, State.DRAINING}),
}


def check(before: State, after: State) -> None:
    """Refuses a step that is not in the table."""
    if after not in TRANSITIONS[before]:
        allowed = ", ".join(sorted(TRANSITIONS[before]))
        raise IllegalTransition(f"a stream cannot go from {before} to {after}; from {before} it goes to: {allowed}")
