"""Files of a stream that belong to another user, or that the one who runs may not write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding, Severity
from tideline.doctor.storage import user_name

WHAT: Final = "owners"


@dataclass(frozen=True)
class OwnersSeen:
    """Of a folder and all below it: the files of others, with their owners, and those that may not be written."""

    folder: Path
    user: int
    others: tuple[tuple[Path, int], ...] = ()
    locked: tuple[Path, ...] = ()


def look_at_owners(folder: Path, user: int) -> OwnersSeen:
    others, locked = [], []
    for path in _all_below(folder):
        with suppress(FileNotFoundError):  # a driver may be at work
            owner = path.lstat().st_uid
            if owner != user:
                others.append((path, owner))
            if not os.access(path, os.W_OK) and os.path.lexists(path):
                locked.append(path)
    return OwnersSeen(folder, user, tuple(others), tuple(locked))


def _all_below(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
    for place, folders, files in os.walk(folder):
        yield from (Path(place) / name for name in (*folders, *files))


def judge_owners(stream: str, seen: Iterable[OwnersSeen]) -> Iterator[Finding]:
    for each in seen:
        user = user_name(each.user)
        if each.others:
            first, owner = each.others[0]
            problem = f"{_owned(len(each.others))} {user_name(owner)}, and {user} runs"
            severity = Severity.ERROR if each.locked else Severity.WARNING
            fix = f"run `chown -R {user} {first}` as root" if len(each.others) == 1 else _chown(user, each.folder)
            yield Finding(WHAT, f"{stream}, {first}", problem, fix, severity)
        elif each.locked:
            problem = f"{_more(len(each.locked))}may not be written by {user}"
            yield Finding(WHAT, f"{stream}, {each.locked[0]}", problem, f"run `chmod -R u+w {each.folder}`")


def _chown(user: str, folder: Path) -> str:
    return f"run `chown -R {user} {folder}` as root"


def _owned(number: int) -> str:
    return "it belongs to" if number == 1 else f"it and {number - 1} more belong to"


def _more(number: int) -> str:
    return "it " if number == 1 else f"it and {number - 1} more "
