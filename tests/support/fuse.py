"""Kills a keeper at one of its calls: nothing after it is done, and nothing is cleaned up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Killed(BaseException):
    """The keeper's process is gone: nothing catches this."""


@dataclass
class Fuse:
    """Counts calls and kills at one of them, before or after it is done."""

    left: int
    after: bool
    blown: bool = False

    def guard(self, target: object) -> Any:
        """Passes every call on to `target`, unless the fuse blows."""
        return _Guarded(target, self)

    def burn(self) -> bool:
        self.left -= 1
        self.blown = self.blown or self.left == 0
        return self.left == 0


class _Guarded:
    def __init__(self, target: object, fuse: Fuse) -> None:
        self._target = target
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
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
