"""Java: whether there is one of 17 or newer, which, and whether it takes the flags that Spark gives it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding, Severity
from tideline.home import Home
from tideline.platform.java import OLDEST, find_java, probe, shim_file

WHAT: Final = "java"
_FLAG: Final = "--add-modules=jdk.incubator.vector"


@dataclass(frozen=True)
class JavaSeen:
    """The `java` that is chosen; `refusal` is what it says against Spark's flag, empty where it takes it."""

    java: Path
    java_home: str | None
    java_home_is_good: bool
    refusal: str
    shim: Path
    shim_runs: bool


def look_at_java(home: Home, environ: Mapping[str, str]) -> JavaSeen:
    """In a home that is thrown away: looking makes nothing. UserError where there is no Java."""
    named, shim = environ.get("JAVA_HOME") or None, shim_file(home)
    good = named is not None and probe(Path(named) / "bin" / "java") is not None
    with tempfile.TemporaryDirectory(prefix="tideline-doctor-") as place:
        java = find_java(Home(Path(place)), environ).java
        refusal = _refusal(java)
        bundled = java.is_relative_to(place)
    return JavaSeen(
        java=shim if bundled else java,
        java_home=named,
        java_home_is_good=good,
        refusal=refusal,
        shim=shim,
        shim_runs=not (bundled and shim.exists()) or os.access(shim, os.X_OK),
    )


def judge_java(seen: JavaSeen) -> Iterator[Finding]:
    if seen.java_home is not None and not seen.java_home_is_good:
        problem = f"JAVA_HOME names no Java {OLDEST} or newer: {seen.java} is taken instead"
        yield Finding(WHAT, seen.java_home, problem, "unset JAVA_HOME, or set it to a newer one", Severity.WARNING)
    if seen.refusal:
        problem = f"it does not run with the flag that Spark gives it, {_FLAG}: {seen.refusal}"
        fix = f"install another Java of {OLDEST} or newer, and set JAVA_HOME to it"
        yield Finding(WHAT, str(seen.java), problem, fix)
    elif not seen.shim_runs:
        fix = f"remove {seen.shim}: the next start writes it anew"
        yield Finding(WHAT, str(seen.shim), "it may not be executed", fix)


def _refusal(java: Path) -> str:
    done = subprocess.run([str(java), _FLAG, "-version"], capture_output=True, text=True, timeout=60, check=False)
    said = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"exit status {done.returncode}")
