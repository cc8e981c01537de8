"""The jars: all of the lock there, with its bytes, and no other on a class path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding, Severity
from tideline.home import Home
from tideline.platform.jar_lock import LockedJar, sha256_of

WHAT: Final = "jars"
_ON_A_CLASS_PATH: Final = ("spark", "broker")
_SHOWN: Final = 3


@dataclass(frozen=True)
class JarFolder:
    """A group's folder: the hash of each locked jar, None where it is not there, and the jars beside them."""

    folder: Path
    hashes: Sequence[tuple[LockedJar, str | None]]
    others: tuple[Path, ...] = ()


def look_at_jars(home: Home) -> list[JarFolder]:
    """UserError for a lock that cannot be read, or a machine for which there is no database."""
    from tideline.platform.jars import locked_jars

    return [_look(home.jars(group), jars, group in _ON_A_CLASS_PATH) for group, jars in locked_jars().items()]


def _look(folder: Path, jars: Sequence[LockedJar], on_a_class_path: bool) -> JarFolder:
    files = {folder / jar.artifact.file: jar for jar in jars}
    hashes = [(jar, sha256_of(file) if file.is_file() else None) for file, jar in files.items()]
    others = [file for file in sorted(folder.glob("*.jar")) if file not in files] if on_a_class_path else []
    return JarFolder(folder, hashes, tuple(others))


def judge_jars(seen: Sequence[JarFolder]) -> Iterator[Finding]:
    for group in seen:
        absent = [jar.artifact.file for jar, found in group.hashes if found is None]
        if absent:
            more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
            problem = f"{len(absent)} of {len(group.hashes)} not there: {', '.join(absent[:_SHOWN])}{more}"
            yield Finding(WHAT, str(group.folder), problem, "run `tideline up`, which fetches what is missing")
        for jar, found in group.hashes:
            if found not in (None, jar.sha256):
                file = group.folder / jar.artifact.file
                problem = f"it is not the locked {jar.artifact}: its SHA-256 differs"
                yield Finding(WHAT, str(file), problem, f"remove {file} and run `tideline up`")
        for file in group.others:
            problem = "a jar that is not in the lock lies on the class path, and may stand in for one that is"
            yield Finding(WHAT, str(file), problem, f"remove {file}", Severity.WARNING)
