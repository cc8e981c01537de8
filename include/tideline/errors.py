"""What a person is told when a command cannot go on: what is wrong, where, and the fix."""

from __future__ import annotations


class UserError(Exception):
    """Printed as its message and its fix, without a traceback; the command exits 1."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
