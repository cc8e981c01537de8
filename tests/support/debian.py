"""Programs of Debian's packages that tests drive: had where that is possible, and told of where it is not.

`python -m support.debian` gets them, and says which tests will be skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.records import CHECKOUT

UNPACKED: Final = CHECKOUT / ".tideline" / "debian"


@dataclass(frozen=True)
class Program:
    """A program, by the names it may have. A `service` is taken out of its package and not installed: Debian would
    start it at once, for the whole machine and on all interfaces."""

    package: str
    names: tuple[str, ...]
    tests: str
    service: bool = False

    @property
    def missing(self) -> str:
        needs = "apt-get and dpkg-deb" if self.service else "root and apt-get"
        return f"no {' or '.join(self.names)} on the path, and getting one needs {needs}"

    def find(self) -> Path | None:
        """The first on the path, or what was unpacked."""
        places = f"{os.environ.get('PATH', '')}{os.pathsep}{UNPACKED / 'usr' / 'bin'}"
        found = (shutil.which(name, path=places) for name in self.names)
        return next((Path(path) for path in found if path), None)

    def get(self) -> str:
        """Why it cannot be had; empty once it is there."""
        if not shutil.which("apt-get") or (not self.service and os.geteuid() != 0):
            return self.missing
        if reason := _update() or (self._unpack() if self.service else self._install()):
            return reason
        return "" if self.find() else f"the package {self.package} has none of {', '.join(self.names)}"

    def _install(self) -> str:
        return _run("apt-get", *_WAIT, "install", "-y", "-qq", "--no-install-recommends", self.package)

    def _unpack(self) -> str:
        with tempfile.TemporaryDirectory() as folder:
            if reason := _run("apt-get", *_WAIT, "download", "-qq", self.package, folder=folder):
                return reason
            (archive,) = Path(folder).glob("*.deb")
            UNPACKED.mkdir(parents=True, exist_ok=True)
            return _run("dpkg-deb", "-x", str(archive), str(UNPACKED))


CHROMIUM: Final = Program(
    "chromium", ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"), "browser"
)
PROMETHEUS: Final = Program("prometheus", ("prometheus",), "Prometheus", service=True)
PROMTOOL: Final = Program("prometheus", ("promtool",), "promtool", service=True)
PUSHGATEWAY: Final = Program("prometheus-pushgateway", ("prometheus-pushgateway",), "Pushgateway", service=True)
PROGRAMS: Final = (CHROMIUM, PROMETHEUS, PROMTOOL, PUSHGATEWAY)
_WAIT: Final = ("-o", "DPkg::Lock::Timeout=120")


def _update() -> str:
    """Only root may; anybody else takes the lists that there are."""
    return _run("apt-get", *_WAIT, "update", "-qq") if os.geteuid() == 0 else ""


def _run(*command: str, folder: str | None = None) -> str:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return f"{' '.join(command)} failed: {' '.join(done.stderr.split()[-40:])}" if done.returncode else ""


def main() -> None:
    """Never fails: where a program is missing, all other tests still run."""
    for program in PROGRAMS:
        if not program.find():
            sys.stderr.write(f"getting {program.package} for the {program.tests} tests\n")
            if reason := program.get():
                sys.stderr.write(f"THE {program.tests.upper()} TESTS WILL BE SKIPPED: {reason}\n")
                continue
        sys.stderr.write(f"{program.tests} tests: {program.find()}\n")


if __name__ == "__main__":
    main()
