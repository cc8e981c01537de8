"""Makes the archive of the classes that a driver's JVM loads."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tideline.errors import UserError
from tideline.home import CHECKOUT, Home
from tideline.platform.class_archive import QUIET, archive_file
from tideline.platform.java import BRIEF
from tideline.platform.session_environment import session_environment

SCRIPT: Final = CHECKOUT / "jobs" / "run_class_archive.py"
_TAKES_S: Final = 600.0


def archive_classes(home: Home) -> str:
    """Makes it anew, of what a short stream loads; what was in the way, "" when nothing was.

    What the processes print ends with the last of them, the JVM, which makes the archive when Python has ended.
    """
    file, log = archive_file(home), home.logs / "class-archive.log"
    file.unlink(missing_ok=True)
    home.logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix="archiving-") as work:
        draft = Path(work) / file.name
        options = f'"-XX:ArchiveClassesAtExit={draft}" {QUIET} {BRIEF}'
        try:
            done = subprocess.run(
                [sys.executable, str(SCRIPT)],
                env=session_environment(home, options) | {"TMPDIR": work},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=work,
                timeout=_TAKES_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it was not done in {_TAKES_S:g} s"
        log.write_bytes(done.stdout)
        if done.returncode:
            return f"a short stream failed, read {log}"
        if not draft.is_file():
            file.touch()
            return "this Java makes none"
        draft.replace(file)
    return ""


def is_current(home: Home) -> bool:
    """Whether it was made, or could not be, of the jars that there are now."""
    file = archive_file(home)
    newest = max((jar.stat().st_mtime for jar in home.jars("spark").glob("*.jar")), default=0.0)
    return file.exists() and file.stat().st_mtime >= newest


def main() -> None:
    """Nothing is amiss on a machine that has none: drivers start some seconds later there."""
    home = Home.from_env()
    if is_current(home):
        return
    sys.stderr.write("archiving the classes of a driver's JVM, once: it takes a minute\n")
    try:
        trouble = archive_classes(home)
    except (UserError, OSError) as error:
        trouble = str(error)
    if trouble:
        sys.stderr.write(f"no archive of classes, each driver starts some seconds later: {trouble}\n")


if __name__ == "__main__":
    main()
