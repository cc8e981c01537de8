"""The whole of it: nothing that is broken hides the rest, and the command says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.keeper_world import SPEC, STREAM
from support.platform import jars
from tideline.bench.place import free_ports
from tideline.cli.doctor_command import summary
from tideline.doctor.diagnosis import Diagnosis
from tideline.doctor.finding import Finding, Severity
from tideline.doctor.looks import Looks
from tideline.errors import UserError
from tideline.home import Home
from tideline.settings import keep_ports, ports_file

DOWN = ("services", "platform")


def fail(error: Exception) -> list[Finding]:
    raise error


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (UserError("no\nway", "go"), Finding("jars", "here", "no way", "go")),
        (
            ImportError("No module named 'psutil'"),
            Finding(
                "jars",
                "here",
                "could not be looked at: ImportError: No module named 'psutil'",
                "run `make setup`",
                Severity.UNKNOWN,
            ),
        ),
    ],
)
def test_a_check_that_fails_is_a_finding_and_the_next_is_made(error: Exception, finding: Finding) -> None:
    looks = Looks()
    looks.look("jars", "here", lambda: fail(error))
    looks.look("jars", "there", list)
    assert (looks.made, looks.findings) == (2, [finding])


@pytest.mark.parametrize("error", [ZeroDivisionError(), PermissionError("no"), ValueError("a\nb"), AssertionError()])
def test_whatever_a_check_raises_is_one_line(error: Exception) -> None:
    looks = Looks()
    looks.look("jars", "here", lambda: fail(error))
    (found,) = looks.findings
    assert ("\n" not in found.problem, bool(found.fix)) == (True, True)


def test_the_summary_counts_by_severity() -> None:
    found = [Finding("a", "b", "c", "d", severity) for severity in (Severity.ERROR, Severity.ERROR, Severity.UNKNOWN)]
    assert summary(Diagnosis(9, tuple(found))) == "9 checks: 2 error, 1 could not be looked at"
    assert summary(Diagnosis(9, ())) == "9 checks: nothing is wrong"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that is down, with one stream and its spec, and with jars of its own."""
    home = Home(tmp_path / "home")
    home.stream(STREAM).root.mkdir(parents=True)
    home.stream(STREAM).spec.write_text(SPEC)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / f"{STREAM}.yaml").write_text(SPEC)
    keep_ports(home, free_ports())
    for group in ("spark", "broker", "database"):
        home.jars(group).mkdir(parents=True)
        for jar in (jars() / group).glob("*.jar"):
            (home.jars(group) / jar.name).symlink_to(jar)
    return home


def doctor(home: Home, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDELINE_")}
    environment |= {"TIDELINE_HOME": str(home.root), "TIDELINE_STREAMS": str(home.root.parent / "specs"), **variables}
    command = [sys.executable, "-m", "tideline.cli.main", "doctor", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def found(home: Home, **variables: str) -> list[dict[str, str]]:
    """The findings, apart from the one that the platform is down; asked as scripts do.

    Ports are left out: a home that tells none has the usual ones, and another platform of the machine may hold them.
    """
    done = doctor(home, "--json", **variables)
    assert (done.returncode, done.stderr) == (1, "")
    told = [each for each in json.loads(done.stdout)["findings"] if each["what"] != "ports"]
    return [each for each in told if (each["what"], each["where"]) != DOWN]


def test_of_a_platform_that_is_down_that_is_all_there_is_to_say(home: Home) -> None:
    before = sorted(home.root.rglob("*"))
    done = doctor(home)
    assert done.returncode == 1
    assert "platform  it is down" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" checks: 1 error")
    assert sorted(home.root.rglob("*")) == before, "it changes nothing"


def test_each_fault_of_a_home_is_one_finding(home: Home) -> None:
    """All at once, and each is told."""
    gone, corrupt = sorted(home.jars("spark").glob("*.jar"))[:2]
    gone.unlink()
    corrupt.unlink()
    corrupt.write_bytes(b"not a jar")
    spec = home.root.parent / "specs" / f"{STREAM}.yaml"
    spec.write_text(SPEC.replace("trigger:", "triger:"))
    offsets = home.stream(STREAM).checkpoint(1) / "offsets"
    offsets.mkdir(parents=True)
    (offsets / "0").write_text("v1\n")
    ports_file(home).write_text("{")
    seen = {(each["what"], each["where"]): each for each in found(home)}
    assert set(seen) == {
        ("jars", str(home.jars("spark"))),
        ("jars", str(corrupt)),
        ("settings", str(home.root)),
        ("specs", str(spec)),
        ("checkpoint", f"{STREAM}, {offsets / '0'}"),
    }
    assert all(each["fix"] and each["severity"] == "error" for each in seen.values())


def test_a_home_that_was_never_made_lacks_its_jars(tmp_path: Path) -> None:
    seen = found(Home(tmp_path / "none"))
    assert {each["what"] for each in seen} == {"jars", "specs"}


def test_a_port_that_is_none_is_told(home: Home) -> None:
    (finding,) = found(home, TIDELINE_BROKER_PORT="many")
    assert (finding["what"], "TIDELINE_BROKER_PORT" in finding["fix"]) == ("settings", True)


def test_wrong_use_is_2(home: Home) -> None:
    assert doctor(home, "--no-such-option").returncode == 2
