"""Which Java is chosen, and that the bundled one takes Spark's flags."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tideline.home import Home
from tideline.platform.java import find_java, java_major


def fake_java(place: Path, specification: str) -> Path:
    """A JAVA_HOME whose `java` reports this version."""
    program = place / "bin" / "java"
    program.parent.mkdir(parents=True)
    report = f"    java.home = {place}\n    java.specification.version = {specification}\n"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{report}END\n")
    program.chmod(0o755)
    return place


@pytest.mark.parametrize(("text", "major"), [("17", 17), ("1.8", 8), ("25", 25), ("", 0)])
def test_the_major_version_is_read(text: str, major: int) -> None:
    assert java_major(f"    java.specification.version = {text}\n") == major


def test_java_home_goes_before_the_path(tmp_path: Path) -> None:
    first, second = fake_java(tmp_path / "a", "17"), fake_java(tmp_path / "b", "21")
    environ = {"JAVA_HOME": str(first), "PATH": f"{second / 'bin'}:/usr/bin:/bin"}
    assert find_java(Home(tmp_path / "home"), environ).path == first


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    first, second = fake_java(tmp_path / "a", "11"), fake_java(tmp_path / "b", "17")
    environ = {"JAVA_HOME": str(first), "PATH": f"{second / 'bin'}:/usr/bin:/bin"}
    assert find_java(Home(tmp_path / "home"), environ).path == second


@pytest.mark.parametrize("environ", [{"PATH": ""}, {"PATH": "", "JAVA_HOME": "/nowhere"}])
def test_without_any_the_bundled_one_is_taken(tmp_path: Path, environ: dict[str, str]) -> None:
    assert find_java(Home(tmp_path), environ).path == tmp_path / "java"


def test_what_runs_by_the_bundled_java_goes_on_with_its_shim(tmp_path: Path) -> None:
    place = find_java(Home(tmp_path), bundled=True).path
    environ = {"JAVA_HOME": str(place), "PATH": str(place / "bin")}
    assert find_java(Home(tmp_path), environ).path == place


def test_the_bundled_java_drops_the_flag_it_cannot_take(tmp_path: Path) -> None:
    java = find_java(Home(tmp_path), bundled=True).java
    command = [
        str(java),
        "--add-modules=jdk.incubator.vector",
        "-Dword=two words",
        "-XshowSettings:properties",
        "-version",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert java_major(said) >= 17
    assert "word = two words" in said
