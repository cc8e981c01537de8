"""The browser that the tests drive: Debian's Chromium or Google Chrome, installed where that is possible.

`python -m support.chromium` says which one it is, or why the browser tests will be skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no chromium or google-chrome on the path, and installing one needs root and apt-get"
STEPS = (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", "chromium"))


def find() -> Path | None:
    """The first browser on the path."""
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)


def install() -> str:
    """Why it cannot be installed; empty once it is."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return MISSING
    for step in STEPS:
        command = ["apt-get", "-o", "DPkg::Lock::Timeout=120", *step]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"apt-get {step[0]} failed: {' '.join(done.stderr.split()[-40:])}"
    return "" if find() else "apt-get has installed no browser"


def main() -> None:
    """Never fails: where there is no browser, all other tests still run."""
    if not find():
        sys.stderr.write("installing chromium for the browser tests\n")
        if reason := install():
            sys.stderr.write(f"THE BROWSER TESTS WILL BE SKIPPED: {reason}\n")
            return
    sys.stderr.write(f"browser tests: {find()}\n")


if __name__ == "__main__":
    main()
