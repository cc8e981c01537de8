"""A file's lines as bytes, and which of them are held back so that they come late."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.errors import UserError

_FIX: Final = "give a file of lines, one a record"


@dataclass(frozen=True)
class FileSource:
    """The lines of a file; with `late_every` N, lines N, 2N, 3N and so on are held back.

    Lines are bytes without their LF or CRLF, and are never decoded. The file is read anew for each of the two parts;
    UserError when it cannot be read.
    """

    path: Path
    late_every: int | None = None

    def require(self) -> None:
        """Opens the file once, so that nothing is made for one that cannot be read; a pipe cannot be read anew."""
        with _readable(self.path):
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise UserError(f"{self.path} is no file", _FIX)
            self.path.open("rb").close()

    def on_time(self) -> Iterator[bytes]:
        return (line for number, line in self._numbered() if not self._is_held_back(number))

    def held_back(self) -> Iterator[bytes]:
        return (line for number, line in self._numbered() if self._is_held_back(number))

    def __iter__(self) -> Iterator[bytes]:
        """All lines in the order they are sent: those on time, then those held back."""
        yield from self.on_time()
        yield from self.held_back()

    def _is_held_back(self, number: int) -> bool:
        return self.late_every is not None and number % self.late_every == 0

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        if self.late_every is not None and self.late_every < 1:
            raise ValueError(f"late_every must be at least 1, not {self.late_every}")
        with _readable(self.path), self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.removesuffix(b"\n").removesuffix(b"\r")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """UserError in place of what keeps the file from being read."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", _FIX) from None
