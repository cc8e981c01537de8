"""`tideline status`: what each service does, in one word."""

from __future__ import annotations

from tideline.home import Home
from tideline.platform.ports import require_same_ports
from tideline.platform.services import SERVICES, healthy
from tideline.platform.supervisor import ProgramState, Supervisor, SupervisorUnreachable
from tideline.settings import Settings


def service_states(home: Home, settings: Settings) -> dict[str, str]:
    """`healthy`, `starting` (it runs and does not answer yet), `failed` or `stopped`, by service."""
    supervisor = Supervisor(home)
    if supervisor.reachable():
        require_same_ports(home, settings)
    return {service: _word(service, supervisor, settings) for service in SERVICES}


def _word(service: str, supervisor: Supervisor, settings: Settings) -> str:
    try:
        program = supervisor.state(service)
    except SupervisorUnreachable:
        return "stopped"
    well = program.state == "RUNNING" and healthy(service, settings, program.started_at)
    return word(program, well=well)


def word(program: ProgramState, *, well: bool) -> str:
    if well:
        return "healthy"
    if program.state in ("FATAL", "BACKOFF", "EXITED"):
        return "failed"
    return "starting" if program.alive else "stopped"
