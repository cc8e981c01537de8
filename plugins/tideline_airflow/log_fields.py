"""Airflow logs tasks as JSON already: what `tideline.logs` is about stands in it as fields of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from structlog.contextvars import bound_contextvars

from tideline.logs.context import about, mirror_to

P = ParamSpec("P")
R = TypeVar("R")

mirror_to(bound_contextvars)


def about_stream(work: Callable[P, R]) -> Callable[P, R]:
    """A function whose first argument is a stream's name: whatever it logs says so."""

    @wraps(work)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        with about(stream=str(args[0] if args else kwargs["stream"])):
            return work(*args, **kwargs)

    return told
