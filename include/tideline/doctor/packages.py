"""Versions: the Python, the locked packages, and those of Spark that must be equal."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding
from tideline.home import CHECKOUT
from tideline.platform.jar_lock import LockedJar, read_lock

WHAT: Final = "versions"
LOCK: Final = CHECKOUT / "requirements.lock"
_OLDEST, _TOO_NEW = (3, 11), (3, 14)
_SPARK: Final = ("pyspark", "pyspark-client")
_LOCKED: Final = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;]+)(?:\s*;\s*(.*?))?\s*\\?$", re.MULTILINE)
_SHOWN: Final = 5
_FIX: Final = "remove .venv/ready and run `make setup`"


@dataclass(frozen=True)
class Packages:
    """Versions by package, as locked and as installed (None: not there), and that of the connector to Kafka."""

    python: tuple[int, int]
    locked: Mapping[str, str]
    installed: Mapping[str, str | None]
    connector: str | None


def look_at_packages(lock: Path = LOCK) -> Packages:
    locked = locked_versions(lock.read_text())
    names = {*locked, *_SPARK}
    installed = {name: _installed(name) for name in sorted(names)}
    return Packages(sys.version_info[:2], locked, installed, connector_version(read_lock()))


def locked_versions(text: str) -> dict[str, str]:
    """Of the lines of a lock those that hold for this Python and machine."""
    from packaging.markers import Marker

    return {name: wanted for name, wanted, marker in _LOCKED.findall(text) if not marker or Marker(marker).evaluate()}


def connector_version(jars: Iterable[LockedJar]) -> str | None:
    """The version of Spark's Kafka source among the locked jars."""
    return next((jar.artifact.version for jar in jars if jar.artifact.name.startswith("spark-sql-kafka")), None)


def judge_packages(seen: Packages) -> Iterator[Finding]:
    if not _OLDEST <= seen.python < _TOO_NEW:
        found = ".".join(map(str, seen.python))
        fix = "remove .venv and run `make setup PYTHON=python3.12`"
        yield Finding(WHAT, "Python", f"this is Python {found}: 3.11 to 3.13 is needed", fix)
    of_spark = list(_judge_spark(seen))
    yield from of_spark
    told = set(_SPARK) if of_spark else set()
    locked = {name: wanted for name, wanted in seen.locked.items() if name not in told}
    absent = [name for name in locked if seen.installed.get(name) is None]
    other = [
        f"{name} {seen.installed[name]} instead of {wanted}"
        for name, wanted in locked.items()
        if seen.installed.get(name) not in (None, wanted)
    ]
    if absent:
        yield Finding(WHAT, LOCK.name, f"{len(absent)} locked packages are not installed: {_few(absent)}", _FIX)
    if other:
        yield Finding(WHAT, LOCK.name, f"{len(other)} packages are of another version: {_few(other)}", _FIX)


def _judge_spark(seen: Packages) -> Iterator[Finding]:
    spark, client = (seen.installed.get(name) for name in _SPARK)
    if spark is None or client is None:
        return
    if spark != client:
        problem = f"pyspark is {spark} and pyspark-client {client}: unequal versions overwrite each other's files"
        yield Finding(WHAT, "pyspark", problem, _FIX)
    elif seen.connector not in (None, spark):
        problem = f"pyspark is {spark}, and Spark's Kafka source {seen.connector}: only equal versions work together"
        yield Finding(WHAT, "pyspark", problem, _FIX)


def _few(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
