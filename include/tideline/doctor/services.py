"""Database, broker and Airflow's parts, as `tideline status` sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding, Severity

WHAT: Final = "services"
_UP: Final = "run `tideline up`"


def judge_services(states: Mapping[str, str], logs: Path, without_a_port: Collection[str] = ()) -> Iterator[Finding]:
    """A service without a port is left out: the port's finding says why it does not run, and comes first."""
    stopped = [service for service, state in states.items() if state == "stopped"]
    if len(stopped) == len(states):
        if not without_a_port:
            yield Finding(WHAT, "platform", "it is down: no stream runs, and the registry could not be looked at", _UP)
        return
    for service, state in states.items():
        if service in without_a_port or state in ("healthy", "stopped"):
            continue
        if state == "starting":
            problem = "it runs and does not answer, or not yet"
            fix = f"wait a minute; if it stays so read {logs / service}.log"
            yield Finding(WHAT, service, problem, fix, Severity.WARNING)
        else:
            yield Finding(WHAT, service, "it ended by itself", f"read {logs / service}.log, then {_UP}")
    gone = [service for service in stopped if service not in without_a_port]
    if gone:
        blind = ": the registry could not be looked at" if "database" in gone else ""
        yield Finding(WHAT, ", ".join(gone), f"stopped{blind}", _UP)
