"""What a person is told when a table's files are damaged or gone: which table, instead of a traceback."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Final

from tideline.errors import UserError

_FILE: Final = re.compile(r"[^/'\"\s]+\.parquet")
_SHOWN: Final = 300


def damage_of(error: Exception, tables: Path) -> UserError | None:
    """The error as one of a table under `tables`; None where it came from anything but a table's files."""
    if not _is_of_a_table(error):
        return None
    text = next(iter(str(error).splitlines()), "")[:_SHOWN]
    table = _table_of(error, tables)
    where = f"a table under {tables}" if table is None else f"the table {table}"
    return UserError(f"{where} cannot be read: {text}", "put its files back from a copy, then run `tideline verify`")


def _is_of_a_table(error: Exception) -> bool:
    """Told by where it was raised: Arrow raises the same errors, and Python's own, for much else."""
    if any(each.__name__ == "DeltaError" for each in type(error).__mro__):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.filename.endswith("pyarrow/_dataset.pyx") for frame in frames)


def _table_of(error: Exception, tables: Path) -> Path | None:
    """By the file that the error names, else by the path that was being opened: a broken log names none."""
    files = [file for name in _FILE.findall(str(error)) for file in tables.glob(f"*/*/**/{name}")]
    paths = (frame.f_locals.get("path") for frame, _ in traceback.walk_tb(error.__traceback__))
    opened = [path for path in paths if isinstance(path, Path) and path.is_relative_to(tables)]
    found = [tables.joinpath(*file.relative_to(tables).parts[:2]) for file in [*opened, *files]]
    return found[-1] if found else None
