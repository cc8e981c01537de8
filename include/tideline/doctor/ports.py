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
    left_over = sorted({port.holder for port in seen if port.left_over and port.holder})
    if left_over:
        problem = f"its supervisord has gone, and {len(left_over)} parts still run: {left_over[0]}, for one"
        yield Finding(WHAT, "platform", problem, "run `tideline up`, which ends them and starts them anew")
    for port in seen:
        if port.holder is not None and not port.left_over:
            fix = f"end it, or set {Ports.variable(port.name)} to a free port; then run `tideline up`"
            yield Finding(WHAT, f"{port.service}, port {port.number}", f"taken by {port.holder}", fix)


def without_a_port(seen: Sequence[PortSeen]) -> frozenset[str]:
    """The services that cannot start for want of a port."""
    return frozenset(port.service for port in seen if port.holder is not None)
