"""The lock of the jars: which artifact belongs to which group, and the SHA-256 its file must have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tideline.errors import UserError
from tideline.home import CHECKOUT

LOCK = CHECKOUT / "include" / "platform" / "jars.lock"
_HEADER = "# group artifact sha256, made by `python -m tideline.platform.jars --lock`\n"


@dataclass(frozen=True, order=True)
class Artifact:
    """One jar of Maven: organisation, name and version."""

    organisation: str
    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Artifact:
        organisation, name, version = text.split(":")
        return cls(organisation, name, version)

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}.jar"

    def __str__(self) -> str:
        return f"{self.organisation}:{self.name}:{self.version}"


@dataclass(frozen=True, order=True)
class LockedJar:
    """A jar of a group, and the hash of its file."""

    group: str
    artifact: Artifact
    sha256: str


def read_lock(file: Path = LOCK) -> tuple[LockedJar, ...]:
    """Every jar of the lock; UserError names the line that is none."""
    jars = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            group, artifact, sha256 = line.split()
            jars.append(LockedJar(group, Artifact.parse(artifact), sha256))
        except ValueError:
            raise UserError(f"{file}, line {number}: not a group, an artifact and a hash", "restore the file") from None
    return tuple(jars)


def write_lock(jars: Iterable[LockedJar], file: Path = LOCK) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{jar.group} {jar.artifact} {jar.sha256}\n" for jar in sorted(jars))
    file.write_text(_HEADER + "".join(lines))


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def missing(folder: Path, jars: Iterable[LockedJar]) -> tuple[LockedJar, ...]:
    """The jars that `folder` does not hold; UserError names one whose bytes are not those of the lock."""
    absent = []
    for jar in jars:
        file = folder / jar.artifact.file
        if not file.exists():
            absent.append(jar)
        elif sha256_of(file) != jar.sha256:
            raise UserError(
                f"{file} is not the locked {jar.artifact}: its SHA-256 differs", f"remove {file} and repeat"
            )
    return tuple(absent)
