"""`tideline down`: drivers first, then the parts, then whatever a lost supervisord has left behind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.processes import alive, end_all, orphans
from tideline.platform.services import SERVICES
from tideline.platform.supervisor import Supervisor, SupervisorUnreachable
from tideline.platform.up import exclusive
from tideline.platform.waiting import wait_until


def down(home: Home, report: Callable[[str], None] = lambda line: None) -> None:
    """Leaves no process of `home` behind; nothing to do is no error."""
    if not home.root.exists():
        return
    with exclusive(home):
        supervisor = Supervisor(home)
        with suppress(SupervisorUnreachable):  # it is gone, perhaps killed: what it hosted is found below
            _in_order(supervisor, report)
        _sweep(home, report)
        supervisor.socket.unlink(missing_ok=True)


def _in_order(supervisor: Supervisor, report: Callable[[str], None]) -> None:
    """Tasks want the API server until they end, and every part of Airflow the database."""
    pid = supervisor.pid()
    drivers = [program.name for program in supervisor.programs() if program.name not in SERVICES]
    last = ("api_server", "database")
    first = [name for name in SERVICES if name not in last]
    for names in (drivers, first, *((name,) for name in last)):
        _stop_together(supervisor, names, report)
    supervisor.shutdown()
    wait_until(lambda: not alive(pid), 30.0)


def _stop_together(supervisor: Supervisor, names: Collection[str], report: Callable[[str], None]) -> None:
    running = [name for name in names if supervisor.state(name).alive]
    for name in running:
        supervisor.stop_soon(name)
    for name in running:
        supervisor.stop_program(name)
        report(f"{name} has ended")


def _sweep(home: Home, report: Callable[[str], None]) -> None:
    left = orphans(home)
    if left:
        report(f"ending {len(left)} processes left over")
    stubborn = end_all(left)
    if stubborn:
        pids = ", ".join(str(process.pid) for process in stubborn)
        raise UserError(f"these processes do not end: {pids}", "end them by hand")
