"""What supervisord is told: the text of its files, with every value escaped as its parser needs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LOG_BYTES = 20 * 1024 * 1024
_LOG_BACKUPS = 3


@dataclass(frozen=True)
class Program:
    """A process for supervisord to host, in a group of its own that is ended as a whole."""

    name: str
    command: tuple[str, ...]
    log: Path
    directory: Path
    restart: bool = True
    stop_signal: str = "TERM"
    stop_group: bool = True
    stop_seconds: int = 15
    user: str | None = None


def conf_value(text: str) -> str:
    """`text` as a value in a conf file: `%` starts an expansion there, a blank and `#` or `;` a comment."""
    if not text.isprintable():
        raise ValueError(f"supervisord takes no control characters: {text!r}")
    if any(blank + mark in text for blank in " \t" for mark in "#;"):
        raise ValueError(f"supervisord takes no blank before # or ;: {text!r}")
    return text.replace("%", "%%")


def conf_command(command: Sequence[str]) -> str:
    """An argument list as a conf file's command; quotes part a `#` or `;` from the blank before it."""
    quoted = (shlex.quote(part).replace("#", "'\"#\"'").replace(";", "'\";\"'") for part in command)
    return conf_value(" ".join(quoted))


def render_program(program: Program) -> str:
    """The program's section of a conf file."""
    lines = {
        "command": conf_command(program.command),
        "directory": conf_value(str(program.directory)),
        "autostart": "false",
        "autorestart": str(program.restart).lower(),
        # A part that is restarted must stay up for a second to count as started, what is not must just start.
        "startsecs": "1" if program.restart else "0",
        "startretries": "5" if program.restart else "0",
        "stopsignal": program.stop_signal,
        "stopasgroup": str(program.stop_group).lower(),
        "killasgroup": "true",
        "stopwaitsecs": str(program.stop_seconds),
        "redirect_stderr": "true",
        "stdout_logfile": conf_value(str(program.log)),
        "stdout_logfile_maxbytes": str(_LOG_BYTES),
        "stdout_logfile_backups": str(_LOG_BACKUPS),
    }
    if program.user:
        lines["user"] = program.user
    return _section(f"program:{program.name}", lines)


def render_supervisord(folder: Path, socket: Path, log: Path, programs: Sequence[Program]) -> str:
    """The main file: supervisord itself, the platform's parts, and the folder that drivers are added to."""
    own = {
        "logfile": conf_value(str(log)),
        "logfile_maxbytes": str(_LOG_BYTES),
        "logfile_backups": str(_LOG_BACKUPS),
        "pidfile": conf_value(str(folder / "supervisord.pid")),
        "childlogdir": conf_value(str(folder)),
        "directory": conf_value(str(folder)),
        "nocleanup": "true",
    }
    if os.geteuid() == 0:
        own["user"] = "root"  # said, it is not warned of at every start
    sections = [
        _section("supervisord", own),
        _section("unix_http_server", {"file": conf_value(str(socket)), "chmod": "0700"}),
        _section("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": _FACTORY}),
        _section("rpcinterface:tideline", {"supervisor.rpcinterface_factory": _OWN_FACTORY}),
        *map(render_program, programs),
        _section("include", {"files": conf_value(str(folder / "drivers" / "*.conf"))}),
    ]
    return "\n".join(sections)


_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"
_OWN_FACTORY = "tideline.platform.group_killer:group_killer"


def render_script(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """A shell script that becomes `command` with `environment`: any text may stand in either."""
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())]
    return "#!/bin/sh\n" + "".join(exports) + f"exec {shlex.join(command)}\n"


def _section(name: str, lines: Mapping[str, str]) -> str:
    return f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())
