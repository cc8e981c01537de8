"""What the code that runs now is about: whatever it logs meanwhile says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class About:
    """A stream, its driver's epoch, and a batch of a generation; None for what is not known."""

    stream: str | None = None
    generation: int | None = None
    epoch: int | None = None
    batch: int | None = None

    def known(self) -> dict[str, str | int]:
        """Only what is known, in this order."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


NOTHING: Final = About()

Mirror = Callable[..., AbstractContextManager[Any]]

_now: ContextVar[About] = ContextVar("about", default=NOTHING)
_mirrors: list[Mirror] = []


def current() -> About:
    return _now.get()


@contextmanager
def about(**known: Any) -> Iterator[None]:
    """The block is about this, beside what the code around it is about; the keywords are those of `About`."""
    token = _now.set(replace(_now.get(), **known))
    try:
        with ExitStack() as stack:
            for mirror in _mirrors:
                stack.enter_context(mirror(**known))
            yield
    finally:
        _now.reset(token)


def carried(work: Callable[[T], R]) -> Callable[[T], R]:
    """`work` for other threads: there it is about what the code here is about."""
    here = copy_context()
    return lambda each: here.copy().run(work, each)  # a copy each: no two threads can be in one context


def mirror_to(mirror: Mirror) -> None:
    """From now on `about` enters this too, with the same keywords: for a logging of another make."""
    if mirror not in _mirrors:
        _mirrors.append(mirror)
