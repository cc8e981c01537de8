"""Epoch files: one numbered file a submit, and a driver obeys the greatest. Plain files, nothing else imported."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


class EpochTaken(RuntimeError):
    """The epoch's file is already there: another submit holds it."""


def tag_of(stream: str, epoch: int) -> str:
    """The name under which an epoch's driver can be found again after a crash between submit and record."""
    return f"{stream}-e{epoch}"


def current_epoch(folder: Path) -> int:
    """The greatest epoch; 0 when there is none."""
    try:
        return max((int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()), default=0)
    except FileNotFoundError:
        return 0


def create_epoch(folder: Path, epoch: int, payload: Mapping[str, object]) -> Path:
    """Creates the epoch's file, durably, or raises EpochTaken: of two that try, one succeeds."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{epoch:08d}"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError as taken:
        raise EpochTaken(f"epoch {epoch} is taken: {path} exists") from taken
    with os.fdopen(handle, "w") as file:
        json.dump({"epoch": epoch, **payload}, file)
        file.flush()
        os.fsync(file.fileno())
    return path
