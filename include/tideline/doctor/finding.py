"""What a check found: one line that says what is wrong, where, and the fix."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: an error stops something, a warning does not yet, and what is unknown could not be looked at."""

    ERROR = "error"
    WARNING = "warning"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """`what` is the check, `where` the file, port, service or stream that it looked at."""

    what: str
    where: str
    problem: str
    fix: str
    severity: Severity = Severity.ERROR


def unseen(what: str, where: str, error: Exception) -> Finding:
    """A check that could not be made: that something is well was not seen either."""
    said = next(iter(str(error).splitlines()), "") or "it says nothing"
    problem = f"could not be looked at: {type(error).__name__}: {said}"
    return Finding(what, where, problem, _fix(error), Severity.UNKNOWN)


def _fix(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "run `make setup`"
    if isinstance(error, PermissionError):
        return "run this as the user who runs the platform"
    return "mend what it says, then run `tideline doctor` again"
