"""The lock of the jars, and what it says of a folder."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.jar_lock import Artifact, LockedJar, missing, read_lock, write_lock
from tideline.platform.jars import BROKER, MACHINES, SPARK, ensure_jars

POOL = Artifact("org.apache.commons", "commons-pool2", "2.13.1")


def locked(content: bytes) -> LockedJar:
    return LockedJar("spark", POOL, hashlib.sha256(content).hexdigest())


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    jars = (locked(b"a"), LockedJar("broker", Artifact("g", "n", "1-2"), "0" * 64))
    write_lock(jars, tmp_path / "lock")
    assert read_lock(tmp_path / "lock") == tuple(sorted(jars))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("# comment\n\nspark commons-pool2 00\n")
    with pytest.raises(UserError, match="line 3"):
        read_lock(tmp_path / "lock")


def test_a_jar_with_the_locked_bytes_is_not_missing(tmp_path: Path) -> None:
    assert missing(tmp_path, [locked(b"right")]) == (locked(b"right"),)
    (tmp_path / POOL.file).write_bytes(b"right")
    assert missing(tmp_path, [locked(b"right")]) == ()


def test_a_jar_with_other_bytes_is_named(tmp_path: Path) -> None:
    (tmp_path / POOL.file).write_bytes(b"wrong")
    with pytest.raises(UserError, match=re.escape("org.apache.commons:commons-pool2:2.13.1")) as error:
        missing(tmp_path, [locked(b"right")])
    assert POOL.file in error.value.fix


def test_a_damaged_jar_stops_before_anything_is_fetched(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.jars("spark").mkdir(parents=True)
    (home.jars("spark") / POOL.file).write_bytes(b"wrong")
    with pytest.raises(UserError, match="commons-pool2"):
        ensure_jars(home, ["spark"])


def test_the_lock_holds_every_group_whole() -> None:
    jars = read_lock()
    assert {jar.group for jar in jars} == {"spark", "broker", *(f"database-{name}" for name in MACHINES.values())}
    assert {str(jar.artifact) for jar in jars if jar.group == "spark"} == set(SPARK)
    assert set(BROKER) <= {str(jar.artifact) for jar in jars if jar.group == "broker"}
    assert [jar for jar in jars if not re.fullmatch("[0-9a-f]{64}", jar.sha256)] == []


def test_the_kafka_source_is_of_the_installed_spark() -> None:
    connectors = [Artifact.parse(text) for text in SPARK if "org.apache.spark" in text]
    assert {artifact.version for artifact in connectors} == {version("pyspark")}
