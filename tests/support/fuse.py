"""Kills a keeper at one of its calls: nothing after it is done, and nothing is cleaned up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tideline.registry.lease import Leases


class Killed(BaseException):
    """The keeper's process is gone: nothing catches this."""


@dataclass
class Fuse:
    """Counts calls and kills at one of them, before or after it is done; whoever is dead calls nothing more."""

    left: int
    after: bool
    blown: bool = False

    def guard(self, target: object) -> Any:
        """Passes every call on to `target`, unless the fuse blows."""
        return (_GuardedLeases if isinstance(target, Leases) else _Guarded)(target, self)

    def burn(self) -> bool:
        """Whether it blows at this call."""
        if self.blown:
            raise Killed
        self.left -= 1
        self.blown = self.left == 0
        return self.blown


class _Guarded:
    def __init__(self, target: object, fuse: Fuse) -> None:
        self._target = target
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if isinstance(found, Leases):
            return self._fuse.guard(found)
        return self._guarded(found) if callable(found) else found

    def _guarded(self, call: Any) -> Any:
        def guarded(*arguments: Any, **named: Any) -> Any:
            blows = self._fuse.burn()
            if blows and not self._fuse.after:
                raise Killed
            answer = call(*arguments, **named)
            if blows:
                raise Killed
            return answer

        return guarded


class _GuardedLeases(_Guarded):
    def held(self, *arguments: Any) -> Any:
        """By guarded calls: who is dead gives nothing back."""
        return Leases.held(self, *arguments)  # type: ignore[arg-type]
