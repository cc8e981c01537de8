"""Ports that another process has taken from a service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from tideline.doctor.finding import Finding
from tideline.home import Home
from tideline.settings import Ports, Settings

WHAT: Final = "ports"
_ITS_OWN: Final = frozenset({"healthy", "starting"})


@dataclass(frozen=True)
class PortSeen:
    """A port of a service that does not run; `holder` has it, None where it is free."""

    service: str
    name: str
    number: int
    holder: str | None
    left_over: bool = False
    """Whether the holder is a part of this platform, whose supervisord has gone."""


def look_at_ports(home: Home, settings: Settings, states: Mapping[str, str]) -> list[PortSeen]:
    from tideline.platform.ports import PORTS_OF, holder, holder_pid, is_free
    from tideline.platform.processes import orphans

    numbers = asdict(settings.ports)
    wanted = [
        (service, name) for service, names in PORTS_OF.items() for name in names if states.get(service) not in _ITS_OWN
    ]
    taken = {name for _, name in wanted if not is_free(numbers[name])}
    ours = {process.pid for process in orphans(home)} if taken else set()
    return [
        PortSeen(service, name, numbers[name], holder(numbers[name]), holder_pid(numbers[name]) in ours)
        if name in taken
        else PortSeen(service, name, numbers[name], None)
        for service, name in wanted
    ]


def judge_ports(seen: Sequence[PortSeen]) -> Iterator[Finding]:
    for port in seen:
        variable, where = Ports.variable(port.name), f"{port.service}, port {port.number}"
        if port.left_over:
            problem = f"taken by {port.holder}, a part of this platform that outlived its supervisord"
            yield Finding(WHAT, where, problem, "run `tideline up`, which ends it")
        elif port.holder is not None:
            yield Finding(WHAT, where, f"taken by {port.holder}", f"end it, or set {variable} to a free port")


def without_a_port(seen: Sequence[PortSeen]) -> frozenset[str]:
    """The services that cannot start for want of a port."""
    return frozenset(port.service for port in seen if port.holder is not None)
