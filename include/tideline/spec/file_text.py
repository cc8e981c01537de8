"""Reads the files that people write."""

from __future__ import annotations

from pathlib import Path

from tideline.errors import UserError


def file_text(path: Path, shown: str, hint: str = "check the path, and who may read it") -> str:
    """A file's text; UserError calls the file `shown`, and says that it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{shown} is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}", hint) from error
