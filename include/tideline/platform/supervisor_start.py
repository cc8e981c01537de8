"""The file that a supervisord is started with."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tideline.home import Home
from tideline.platform.supervisor import Supervisor
from tideline.platform.supervisor_conf import Program, render_supervisord
from tideline.private_files import write_private


def configure_supervisord(home: Home, programs: Sequence[Program] = ()) -> Path:
    """Writes it: it hosts these parts, and the drivers that are added to them later."""
    supervisor = Supervisor(home)
    shutil.rmtree(supervisor.folder / "drivers", ignore_errors=True)  # no driver outlives its supervisord
    for place in (supervisor.folder / "drivers", home.logs):
        place.mkdir(parents=True, exist_ok=True)
    file = supervisor.folder / "supervisord.conf"
    log = home.logs / "supervisord.log"
    write_private(file, render_supervisord(supervisor.folder, supervisor.socket, log, programs))
    return file
