"""Files that only their owner can read, at no moment anybody else."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile


def write_private(file: Path, text: str) -> None:
    """Writes the whole of `text`, or leaves what was there, whenever the machine stops; several may write at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=file.parent, prefix=f"{file.name}.", delete=False) as draft:
        draft.write(text)
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).replace(file)
