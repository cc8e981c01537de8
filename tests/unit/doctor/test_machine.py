"""What set-up leaves behind, and how it breaks: packages, Java, jars, disk, ports, services and specs."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.keeper_world import SPEC, STREAM
from tideline.doctor.finding import Finding, Severity
from tideline.doctor.jars import JarFolder, judge_jars
from tideline.doctor.java import judge_java, look_at_java
from tideline.doctor.packages import Packages, connector_version, judge_packages, locked_versions, look_at_packages
from tideline.doctor.ports import PortSeen, judge_ports, look_at_ports, without_a_port
from tideline.doctor.services import judge_services
from tideline.doctor.specs import judge_names, judge_spec, look_at_spec
from tideline.doctor.storage import LEAST_FREE, Storage, judge_storage, look_at_storage
from tideline.home import Home
from tideline.platform.jar_lock import Artifact, LockedJar, read_lock, sha256_of
from tideline.settings import Ports, Settings

GOOD = Packages(
    python=(3, 12),
    locked={"pyspark": "4.2.0", "pyspark-client": "4.2.0", "duckdb": "1.4"},
    installed={"pyspark": "4.2.0", "pyspark-client": "4.2.0", "duckdb": "1.4"},
    connector="4.2.0",
)
UP = dict.fromkeys(("database", "broker", "api_server", "exporter"), "healthy")
POOL = LockedJar("spark", Artifact("org.apache.commons", "commons-pool2", "2.13.1"), hashlib.sha256(b"jar").hexdigest())


def only(found: Iterator[Finding]) -> Finding:
    """The one that there is."""
    (finding,) = found
    return finding


def test_versions_as_they_must_be_are_no_finding() -> None:
    assert list(judge_packages(GOOD)) == []


def test_the_packages_of_this_project_are_those_of_its_lock() -> None:
    assert list(judge_packages(look_at_packages())) == []


@pytest.mark.parametrize("python", [(3, 10), (3, 14), (4, 0)])
def test_a_python_that_is_too_old_or_too_new_is_told(python: tuple[int, int]) -> None:
    assert "3.11 to 3.13" in only(judge_packages(replace(GOOD, python=python))).problem


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("duckdb", None, "1 locked packages are not installed: duckdb"),
        ("duckdb", "1.3", "1 packages are of another version: duckdb 1.3 instead of 1.4"),
        ("pyspark-client", "4.1.0", "pyspark is 4.2.0 and pyspark-client 4.1.0"),
        ("pyspark", None, "1 locked packages are not installed: pyspark"),
    ],
)
def test_a_package_that_is_not_the_locked_one_is_one_finding(name: str, version: str | None, said: str) -> None:
    assert said in only(judge_packages(replace(GOOD, installed=GOOD.installed | {name: version}))).problem  # type: ignore[operator]


def test_a_connector_of_another_spark_is_told() -> None:
    assert "Spark's Kafka source 4.1.0" in only(judge_packages(replace(GOOD, connector="4.1.0"))).problem


def test_the_connectors_version_is_read_from_the_lock_of_the_jars() -> None:
    assert connector_version(read_lock()) == "4.2.0"


def test_lines_of_another_python_are_no_part_of_the_lock() -> None:
    text = "a==1 \\\n    --hash=sha256:00\nb==2 ; python_version < '3' \\\nc==3 ; python_version >= '3'\n"
    assert locked_versions(text) == {"a": "1", "c": "3"}


def fake_java(place: Path, specification: int, status: int = 0) -> Path:
    """A JAVA_HOME whose `java` reports this version, and ends with a status when it is given a flag of Spark's."""
    program = place / "bin" / "java"
    program.parent.mkdir(parents=True)
    report = f"    java.home = {place}\n    java.specification.version = {specification}\n"
    flag = f'case "$*" in *incubator*) echo no such module >&2; exit {status};; esac'
    program.write_text(f"#!/bin/sh\n{flag}\ncat >&2 <<'END'\n{report}END\n")
    program.chmod(0o755)
    return place


def test_a_java_that_takes_sparks_flag_is_no_finding(tmp_path: Path) -> None:
    environ = {"JAVA_HOME": str(fake_java(tmp_path / "java", 17)), "PATH": ""}
    assert list(judge_java(look_at_java(Home(tmp_path / "home"), environ))) == []


def test_the_bundled_java_takes_sparks_flag_and_looking_makes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert list(judge_java(look_at_java(home, {"PATH": ""}))) == []
    assert not home.root.exists()


def test_a_java_that_refuses_sparks_flag_says_why(tmp_path: Path) -> None:
    environ = {"JAVA_HOME": str(fake_java(tmp_path / "java", 17, status=1)), "PATH": ""}
    assert "no such module" in only(judge_java(look_at_java(Home(tmp_path / "home"), environ))).problem


def test_a_java_home_that_is_passed_over_is_told(tmp_path: Path) -> None:
    environ = {"JAVA_HOME": str(fake_java(tmp_path / "java", 11)), "PATH": ""}
    found = only(judge_java(look_at_java(Home(tmp_path / "home"), environ)))
    assert (found.severity, found.where) == (Severity.WARNING, environ["JAVA_HOME"])


def test_a_shim_that_may_not_be_executed_is_told(tmp_path: Path) -> None:
    shim = tmp_path / "java" / "bin" / "java"
    shim.parent.mkdir(parents=True)
    shim.touch(mode=0o644)
    assert str(shim) in only(judge_java(look_at_java(Home(tmp_path), {"PATH": ""}))).fix


def jar_folder(folder: Path, content: bytes | None) -> list[JarFolder]:
    file = folder / POOL.artifact.file
    if content is not None:
        file.write_bytes(content)
    return [JarFolder(folder, [(POOL, sha256_of(file) if content is not None else None)])]


def test_a_jar_with_its_bytes_is_no_finding(tmp_path: Path) -> None:
    assert list(judge_jars(jar_folder(tmp_path, b"jar"))) == []


def test_a_jar_that_is_gone_is_named(tmp_path: Path) -> None:
    found = only(judge_jars(jar_folder(tmp_path, None)))
    assert (found.problem, found.fix) == (
        "1 of 1 not there: commons-pool2-2.13.1.jar",
        "run `tideline up`, which fetches what is missing",
    )


def test_a_jar_with_other_bytes_is_to_be_removed(tmp_path: Path) -> None:
    found = only(judge_jars(jar_folder(tmp_path, b"other")))
    assert found.fix == f"remove {tmp_path / POOL.artifact.file} and run `tideline up`"


def test_a_jar_beside_those_of_the_lock_is_a_warning(tmp_path: Path) -> None:
    (whole,) = jar_folder(tmp_path, b"jar")
    found = only(judge_jars([replace(whole, others=(tmp_path / "old.jar",))]))
    assert (found.where, found.severity) == (str(tmp_path / "old.jar"), Severity.WARNING)


def test_a_home_with_room_is_no_finding(tmp_path: Path) -> None:
    seen = look_at_storage(Home(tmp_path / "not" / "made"), os.geteuid())
    assert (seen.place, list(judge_storage(replace(seen, free=LEAST_FREE)))) == (tmp_path, [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"free": LEAST_FREE - 1}, "1023 MiB are free"),
        ({"writable": False}, "is not writable by"),
        ({"owner": 65_534}, "it belongs to"),
    ],
)
def test_what_a_home_lacks_is_one_finding(tmp_path: Path, change: dict[str, int], said: str) -> None:
    seen = Storage(tmp_path, tmp_path, writable=True, free=LEAST_FREE, owner=0, user=0)
    assert said in only(judge_storage(replace(seen, **change))).problem  # type: ignore[arg-type]


def taken(tmp_path: Path, port: int, states: dict[str, str]) -> tuple[list[Finding], frozenset[str]]:
    settings = Settings(Ports(database=port, broker=1, controller=2, api=3, exporter=4))
    seen = look_at_ports(Home(tmp_path), settings, states)
    return list(judge_ports(seen)), without_a_port(seen)


def test_a_taken_port_names_who_has_it_and_the_variable_that_changes_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (found,), services = taken(tmp_path, server.getsockname()[1], {**UP, "database": "failed"})
    assert f"process {os.getpid()} (" in found.problem
    assert "TIDELINE_DATABASE_PORT" in found.fix
    assert services == {"database"}


def test_parts_that_outlived_their_supervisord_are_one_finding() -> None:
    seen = [PortSeen("database", "database", 1, "process 7 (postgres)", left_over=True)]
    seen += [PortSeen("broker", name, 2, "process 8 (java)", left_over=True) for name in ("broker", "controller")]
    found = only(judge_ports(seen))
    assert ("2 parts still run" in found.problem, "tideline up" in found.fix) == (True, True)


def test_a_services_own_port_is_not_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert taken(tmp_path, server.getsockname()[1], UP) == ([], frozenset())


def test_healthy_services_are_no_finding(tmp_path: Path) -> None:
    assert list(judge_services(UP, tmp_path)) == []


@pytest.mark.parametrize(
    ("states", "where", "said"),
    [
        ({**UP, "database": "stopped"}, "database", "stopped: the registry could not be looked at"),
        ({**UP, "broker": "stopped", "api_server": "stopped"}, "broker, api_server", "stopped"),
        (dict.fromkeys(UP, "stopped"), "platform", "it is down"),
        ({**UP, "broker": "failed"}, "broker", "it ended by itself"),
        ({**UP, "broker": "starting"}, "broker", "does not answer"),
    ],
)
def test_services_that_are_not_up_are_one_finding(
    tmp_path: Path, states: dict[str, str], where: str, said: str
) -> None:
    found = only(judge_services(states, tmp_path))
    assert (found.where, said in found.problem, "tideline up" in found.fix or "read" in found.fix) == (
        where,
        True,
        True,
    )


def test_a_service_without_its_port_is_told_once(tmp_path: Path) -> None:
    assert list(judge_services({**UP, "database": "failed"}, tmp_path, {"database"})) == []
    assert list(judge_services(dict.fromkeys(UP, "stopped"), tmp_path, {"database"})) == []


def test_a_broken_spec_says_line_and_fix(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    text = SPEC.replace(f"name: {STREAM}", "name: orders").replace("trigger:", "triger:")
    file.write_text(text.lstrip())
    found = only(judge_spec(file, look_at_spec(file)))
    assert found.problem.startswith("line 4, column 1: ")
    assert "trigger" in found.fix and "`tideline validate orders`" in found.fix
    assert "\n" not in found.problem + found.fix


def test_a_file_that_is_no_spec_by_its_name_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "Orders.yml").touch()
    assert only(judge_names(tmp_path)).severity is Severity.WARNING
