"""What kind of failure an end was: by the exit status where it says enough, else by the driver's log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tideline.keeper.cause_classes import class_of
from tideline.keeper.causes import causes_of
from tideline.keeper.failures import FailureClass
from tideline.keeper.verdict import Kind

_BY_STATUS: Final = {
    0: FailureClass.INFRASTRUCTURE,  # it was stopped, but not by the keeper
    52: FailureClass.OUT_OF_MEMORY,  # Spark ends its JVM so
    53: FailureClass.INFRASTRUCTURE,  # no folder for Spark's blocks
    64: FailureClass.SUPERSEDED,
    65: FailureClass.CONFIGURATION,
    66: FailureClass.STATE,
    67: FailureClass.CODE,
    68: FailureClass.AUTH,
    69: FailureClass.OUT_OF_MEMORY,
    70: FailureClass.TRANSIENT,
    71: FailureClass.INFRASTRUCTURE,
    126: FailureClass.CONFIGURATION,  # the shell could not run spark-submit
    127: FailureClass.CONFIGURATION,
}
# A JVM that ends itself says so in a line of its own, whatever its exit status then is.
_NO_HEAP: Final = re.compile(r"(Terminating|Aborting) due to java\.lang\.OutOfMemoryError")
_LAST_SIGNAL: Final = 192
# What spark-submit and java say of their options before any driver runs.
_NOT_STARTED: Final = re.compile(
    r"Error: Could not create the Java Virtual Machine|Error occurred during initialization of VM"
    r"|Error: Unrecognized option|\s+at org\.apache\.spark\.deploy\.SparkSubmit\.error\(|.*: can't open file "
    r"|.*/(spark-class|spark-submit|find-spark-home): line \d+: "  # the shell, of its own script
)


def told_status(status: int | None) -> str:
    """How a process ended, in words that follow a comma; nothing when it is not known."""
    if status is None:
        return ""
    if status < 0:  # the launcher keeps no number
        return "killed by a signal"
    return f"killed by signal {status - 128}" if 128 < status <= _LAST_SIGNAL else f"exit status {status}"


def classify(kind: Kind, exit_status: int | None, said: Sequence[str] = ()) -> FailureClass:
    """`said` are the last lines of the driver's log.

    A signal, or no status at all, is the machine's doing; a small status of its own is the program's, and its log
    holds why.
    """
    if kind in (Kind.HUNG, Kind.NEVER_STARTED):
        return FailureClass.HUNG
    if any(map(_NO_HEAP.match, said)):
        return FailureClass.OUT_OF_MEMORY
    if exit_status in _BY_STATUS:
        return _BY_STATUS[exit_status]
    if exit_status is None or not 0 < exit_status < 128:
        return FailureClass.INFRASTRUCTURE
    return _by_log(said)


def _by_log(said: Sequence[str]) -> FailureClass:
    known = class_of(causes_of(said))
    if known is None and any(map(_NOT_STARTED.match, said)):
        return FailureClass.CONFIGURATION
    return known or FailureClass.TRANSIENT
