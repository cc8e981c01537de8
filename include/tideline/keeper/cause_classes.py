"""The class of a failure by its causes: by an exception's name, by Spark's error condition, and where a name is used
for many things by what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tideline.keeper.cause_tables import BY_NAME, CONDITIONS, OUTSIDE, SAYINGS, WORKER_CRASHED
from tideline.keeper.causes import Cause
from tideline.keeper.failures import FailureClass


def class_of(causes: Sequence[Cause]) -> FailureClass | None:
    """By the innermost cause that is known; None when none is: then the batch's records may be what is wrong."""
    known = next((kind for cause in reversed(causes) if (kind := _class_of(cause)) is not None), None)
    return FailureClass.TRANSIENT if known is None and _is_outside(causes) else known


def _is_outside(causes: Sequence[Cause]) -> bool:
    is_worker = any(cause.message.startswith(WORKER_CRASHED) for cause in causes)
    return bool(causes and OUTSIDE.fullmatch(causes[-1].name)) and not is_worker


def class_of_type(kind: type[BaseException]) -> FailureClass | None:
    """By the nearest of its base classes that is known."""
    names = (f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__)
    return next((BY_NAME[name] for name in names if name in BY_NAME), None)


def _class_of(cause: Cause) -> FailureClass | None:
    return _by_saying(cause) or _by_condition(cause.condition or "") or BY_NAME.get(cause.name)


def _by_condition(condition: str) -> FailureClass | None:
    return next((kind for begin, kind in CONDITIONS if condition.startswith(begin)), None)


def _by_saying(cause: Cause) -> FailureClass | None:
    return next(
        (kind for name, said, kind in SAYINGS if re.fullmatch(name, cause.name) and re.match(said, cause.message)),
        None,
    )
