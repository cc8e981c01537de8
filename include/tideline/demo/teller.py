"""To whom the story is told: the command line, or a test."""

from __future__ import annotations

from typing import Protocol

from tideline.home import Home


class Teller(Protocol):
    """Shows the story as it happens."""

    def step(self, text: str) -> None:
        """A step that begins now, or what it found."""

    def progress(self, line: str) -> None:
        """What happens within a step."""

    def live_windows(self, home: Home, stream: str) -> None:
        """The stream's newest published windows."""
