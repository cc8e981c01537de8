"""`tideline status`: what each service does, in one word."""

from __future__ import annotations

from tideline.home import Home
from tideline.platform.ports import require_same_ports
from tideline.platform.services import SERVICES, healthy
from tideline.platform.supervisor import ProgramState, Supervisor, SupervisorUnreachable
from tideline.platform.supervisor_rpc import ABSENT
from tideline.settings import Settings


def service_states(home: Home, settings: Settings) -> dict[str, str]:
    """`healthy`, `starting` (it runs and does not answer yet), `failed` or `stopped`, by service."""
    supervisor = Supervisor(home)
    if supervisor.reachable():
        require_same_ports(home, settings)
    there = dict.fromkeys(SERVICES, _word) | dict.fromkeys(settings.elsewhere, _word_of_another)
    return {service: tell(service, supervisor, settings) for service, tell in there.items()}


def _word_of_another(service: str, _supervisor: Supervisor, settings: Settings) -> str:
    """Of a service that is not this machine's: nothing is known but whether it answers."""
    return "healthy" if healthy(service, settings, None) else "stopped"


def _word(service: str, supervisor: Supervisor, settings: Settings) -> str:
    try:
        program = supervisor.state(service)
    except SupervisorUnreachable:
        return "stopped"
    if program.state == ABSENT:  # another host's, or another container's
        return _word_of_another(service, supervisor, settings)
    well = program.state == "RUNNING" and healthy(service, settings, program.started_at)
    return word(program, well=well)


def word(program: ProgramState, *, well: bool) -> str:
    if well:
        return "healthy"
    if program.state in ("FATAL", "BACKOFF", "EXITED"):
        return "failed"
    return "starting" if program.alive else "stopped"
