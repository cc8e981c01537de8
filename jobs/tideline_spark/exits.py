"""How a driver ends: the exit code that says why, and what it tells of the exception."""

from __future__ import annotations

import traceback
from enum import IntEnum
from typing import Any

from pyspark.errors import StreamingQueryException

from tideline.keeper.cause_classes import class_of, class_of_type
from tideline.keeper.causes import Cause, causes_of
from tideline.keeper.failures import FailureClass


class Exit(IntEnum):
    """Why a driver ended."""

    STOPPED = 0
    SUPERSEDED = 64
    CONFIGURATION = 65
    STATE = 66
    CODE = 67
    AUTH = 68
    OUT_OF_MEMORY = 69
    FAILED = 70
    INFRASTRUCTURE = 71


_EXITS = {
    FailureClass.SUPERSEDED: Exit.SUPERSEDED,
    FailureClass.CONFIGURATION: Exit.CONFIGURATION,
    FailureClass.STATE: Exit.STATE,
    FailureClass.CODE: Exit.CODE,
    FailureClass.AUTH: Exit.AUTH,
    FailureClass.OUT_OF_MEMORY: Exit.OUT_OF_MEMORY,
    FailureClass.INFRASTRUCTURE: Exit.INFRASTRUCTURE,
}


class StateLost(Exception):
    """The checkpoint does not hold what the ledger says was committed."""


def exit_code(error: Exception) -> Exit:
    """Classifies what ended the driver; a failed query is looked through to its innermost cause."""
    kind = class_of(_causes(error)) or class_of_type(type(error))
    return _EXITS.get(kind, Exit.FAILED) if kind else Exit.FAILED


def last_words(error: Exception, query_id: str | None) -> dict[str, Any]:
    """What the heartbeat tells of the exception. It has a `fingerprint` if it is this query's, not that of one beside
    it, and records of the batch may be the cause: nothing else is known to be."""
    own = Cause(type(error).__name__, None, next(iter(str(error).splitlines()), ""))
    if not isinstance(error, StreamingQueryException):
        return {"exception": str(own), "fingerprint": None}
    causes = _causes(error)
    innermost = causes[-1] if causes else own
    suspects = query_id is not None and f"[id = {query_id}," in str(error) and class_of(causes) is None
    return {"exception": str(innermost), "fingerprint": innermost.fingerprint() if suspects else None}


def _causes(error: Exception) -> list[Cause]:
    """Python's own chain, then the JVM's: Spark's message alone leaves out the classes."""
    said = [*traceback.format_exception(error), getattr(error, "_stackTrace", "")]
    return causes_of("".join(said).splitlines())
