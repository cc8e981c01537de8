"""What a person is told when a command cannot go on: what is wrong, where, and the fix."""

from __future__ import annotations

from typing import ClassVar


class UserError(Exception):
    """Wrong use, or what cannot be answered: printed as its message and its fix, without a traceback."""

    exit_status: ClassVar[int] = 2

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class Refused(UserError):
    """What was asked was looked at, and the answer is no: a deploy that is refused, books that differ."""

    exit_status: ClassVar[int] = 1
