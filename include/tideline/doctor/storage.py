"""TIDELINE_HOME: writable, with room, and of the user who runs."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding, Severity
from tideline.home import Home

WHAT: Final = "home"
LEAST_FREE: Final = 1 << 30
"""Bytes: the logs of Kafka and of Delta, and Spark's state, are written before older ones are removed."""


@dataclass(frozen=True)
class Storage:
    """The home, or before the first `up` the folder in which it will be made; `user` is who runs."""

    root: Path
    place: Path
    writable: bool
    free: int
    owner: int
    user: int


def look_at_storage(home: Home, user: int) -> Storage:
    """UserError for a path that no table can lie in."""
    from tideline.platform.up import require_plain_path

    require_plain_path(home)
    place = next(each for each in (home.root, *home.root.parents) if each.exists())
    writable = os.access(place, os.W_OK | os.X_OK)
    return Storage(home.root, place, writable, shutil.disk_usage(place).free, place.stat().st_uid, user)


def judge_storage(seen: Storage) -> Iterator[Finding]:
    where, is_made = str(seen.root), seen.place == seen.root
    if not seen.writable:
        fix = f"give {seen.place} to {user_name(seen.user)}, or set TIDELINE_HOME to another folder"
        yield Finding(WHAT, where, f"{seen.place} is not writable by {user_name(seen.user)}", fix)
    elif is_made and seen.owner != seen.user:
        problem = f"it belongs to {user_name(seen.owner)}, and this runs as {user_name(seen.user)}"
        fix = f"run `tideline` as {user_name(seen.owner)}: what is made as another user that one may not write"
        yield Finding(WHAT, where, problem, fix, Severity.WARNING)
    if seen.free < LEAST_FREE:
        problem = f"{seen.free >> 20} MiB are free on its disk, and {LEAST_FREE >> 20} MiB are the least to run with"
        yield Finding(WHAT, where, problem, "free some, or set TIDELINE_HOME to a folder on another disk")


def user_name(number: int) -> str:
    """The account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
