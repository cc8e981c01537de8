"""The jars of Spark's Kafka source, the broker and the database: fetched once, always checked against the lock."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.ivy import fetch, resolve
from tideline.platform.jar_lock import Artifact, LockedJar, missing, read_lock, sha256_of, write_lock
from tideline.platform.java import find_java

SPARK = (
    "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0",
    "org.apache.spark:spark-token-provider-kafka-0-10_2.13:4.2.0",
    "org.apache.kafka:kafka-clients:3.9.2",
    "org.apache.commons:commons-pool2:2.13.1",
)
BROKER = (
    "org.apache.kafka:kafka_2.13:4.3.0",
    "org.apache.kafka:kafka-tools:4.3.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
DATABASE = "io.zonky.test.postgres:embedded-postgres-binaries-{machine}:18.6.0"
MACHINES = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64v8",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64v8",
}
_GROUPS = ("spark", "broker", "database")


def ensure_jars(home: Home, groups: Iterable[str] = _GROUPS) -> None:
    """Fetches what `home` lacks; UserError names a jar whose bytes are not those of the lock."""
    absent = {group: missing(home.jars(group), jars) for group, jars in locked_jars(groups).items()}
    if any(absent.values()):
        _fetch_into(home, absent)


def locked_jars(groups: Iterable[str] = _GROUPS) -> dict[str, tuple[LockedJar, ...]]:
    """The jars that each group must hold on this machine."""
    lock = read_lock()
    return {group: tuple(jar for jar in lock if jar.group == _lock_group(group)) for group in groups}


def _fetch_into(home: Home, absent: dict[str, tuple[LockedJar, ...]]) -> None:
    """A jar enters its group's folder by a rename once its hash is known to be right: never half of one."""
    artifacts = sorted({jar.artifact for jars in absent.values() for jar in jars})
    home.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.root, prefix="fetching-") as work:
        fetched = fetch(find_java(home), artifacts, Path(work))
        for group, jars in absent.items():
            if missing(fetched, jars):
                raise UserError(f"{missing(fetched, jars)[0].artifact} was not fetched", "check the network and repeat")
            home.jars(group).mkdir(parents=True, exist_ok=True)
            for jar in jars:
                _place(fetched / jar.artifact.file, home.jars(group) / jar.artifact.file)


def _place(source: Path, target: Path) -> None:
    draft = target.with_name(target.name + ".new")
    draft.write_bytes(source.read_bytes())
    draft.replace(target)


def _lock_group(group: str) -> str:
    if group != "database":
        return group
    machine = (platform.system(), platform.machine())
    if machine not in MACHINES:
        known = ", ".join(" ".join(known) for known in MACHINES)
        raise UserError(f"no database for {' '.join(machine)}", f"use one of: {known}")
    return f"database-{MACHINES[machine]}"


def relock(home: Home) -> None:
    """Asks Maven again what the parts need, and writes their hashes."""
    java = find_java(home)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        groups = {"spark": tuple(map(Artifact.parse, SPARK))}
        groups["broker"] = resolve(java, [Artifact.parse(text) for text in BROKER], work / "resolve")
        for machine in MACHINES.values():
            groups[f"database-{machine}"] = (Artifact.parse(DATABASE.format(machine=machine)),)
        fetched = fetch(java, sorted({a for artifacts in groups.values() for a in artifacts}), work / "fetch")
        write_lock(
            LockedJar(group, artifact, sha256_of(fetched / artifact.file))
            for group, artifacts in groups.items()
            for artifact in artifacts
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tideline.platform.jars", description=__doc__)
    parser.add_argument("--lock", action="store_true", help="make the lock anew")
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"what to fetch, all by default: {', '.join(_GROUPS)}"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(_GROUPS):
        parser.error(f"no jars are called {', '.join(sorted(unknown))}")
    try:
        if arguments.lock:
            relock(Home.from_env())
        else:
            ensure_jars(Home.from_env(), arguments.groups or _GROUPS)
    except UserError as error:
        sys.stderr.write(f"{error.message}\n{error.fix}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
