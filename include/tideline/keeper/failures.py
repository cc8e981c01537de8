"""What kind of failure an end was: the driver's exit status says it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tideline.keeper.verdict import Kind


class FailureClass(StrEnum):
    """Why a driver ended, by what is to be done about it."""

    INFRASTRUCTURE = "infrastructure"
    TRANSIENT = "transient"
    HUNG = "hung"
    SUPERSEDED = "superseded"
    STATE = "state"
    CONFIGURATION = "configuration"


ASKS_A_PERSON = frozenset({FailureClass.STATE, FailureClass.CONFIGURATION})
USES_BUDGET = frozenset({FailureClass.TRANSIENT, FailureClass.HUNG})

_BY_STATUS = {
    0: FailureClass.INFRASTRUCTURE,  # it was stopped, but not by the keeper
    64: FailureClass.SUPERSEDED,
    65: FailureClass.CONFIGURATION,
    66: FailureClass.STATE,
    70: FailureClass.TRANSIENT,
    126: FailureClass.CONFIGURATION,  # the shell could not run spark-submit
    127: FailureClass.CONFIGURATION,
}


@dataclass(frozen=True)
class Failure:
    """One driver lost; `proved` when it had been stable before."""

    at: int
    kind: FailureClass
    proved: bool


def classify(kind: Kind, exit_status: int | None) -> FailureClass:
    """A signal, or no status at all, is the machine's doing; a small status of its own is the program's."""
    if kind in (Kind.HUNG, Kind.NEVER_STARTED):
        return FailureClass.HUNG
    if exit_status in _BY_STATUS:
        return _BY_STATUS[exit_status]
    program = exit_status is not None and 0 < exit_status < 128
    return FailureClass.TRANSIENT if program else FailureClass.INFRASTRUCTURE
