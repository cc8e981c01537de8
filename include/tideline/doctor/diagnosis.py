"""Makes all checks of an installation, in the order in which faults cause each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tideline.doctor import jars, java, packages, ports, services, specs, storage
from tideline.doctor.finding import Finding, Severity
from tideline.doctor.looks import Looks
from tideline.home import Home, spec_folder
from tideline.settings import Settings

if TYPE_CHECKING:
    from tideline.doctor.registry import RegistrySeen


@dataclass(frozen=True)
class Diagnosis:
    """What was found in so many checks."""

    checks: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return not self.findings

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {"holds": self.holds, "checks": self.checks, "findings": [asdict(each) for each in self.findings]}


def diagnose(home: Home, environ: Mapping[str, str] = os.environ, user: int | None = None) -> Diagnosis:
    """Looks at everything, also where half of it is down, and changes nothing; `user` is who runs the streams."""
    looks, user = Looks(), os.geteuid() if user is None else user
    look_at_machine(looks, home, environ, user)
    settings = looks.have("settings", home.root, lambda: Settings.load(home, environ)) or Settings()
    database_answers = look_at_platform(looks, home, settings)
    look_at_specs(looks)
    seen = _registry(looks, settings) if database_answers else None
    looks.have("streams", home.root, lambda: _streams(looks, home, user, seen))
    return Diagnosis(looks.made, tuple(looks.findings))


def look_at_machine(looks: Looks, home: Home, environ: Mapping[str, str], user: int) -> None:
    """What set-up leaves: packages, Java, jars, and room for the rest."""
    looks.look(packages.WHAT, packages.LOCK, lambda: packages.judge_packages(packages.look_at_packages()))
    looks.look(java.WHAT, "java", lambda: java.judge_java(java.look_at_java(home, environ)))
    looks.look(jars.WHAT, home.root / "jars", lambda: jars.judge_jars(jars.look_at_jars(home)))
    looks.look(storage.WHAT, home.root, lambda: storage.judge_storage(storage.look_at_storage(home, user)))


def look_at_platform(looks: Looks, home: Home, settings: Settings) -> bool:
    """Ports and services; whether the database answers."""
    states = looks.have(services.WHAT, home.root, lambda: _states(home, settings)) or {}
    seen = looks.have(ports.WHAT, "ports", lambda: ports.look_at_ports(home, settings, states)) or []
    looks.look(ports.WHAT, "ports", lambda: ports.judge_ports(seen))
    if states:
        blocked = ports.without_a_port(seen)
        looks.look(services.WHAT, home.root, lambda: services.judge_services(states, home.logs, blocked))
    return states.get("database") == "healthy"


def look_at_specs(looks: Looks) -> None:
    """Each of the spec folder."""
    folder = spec_folder()
    for file in looks.have(specs.WHAT, folder, lambda: specs.spec_files(folder)) or []:
        looks.look(specs.WHAT, file, partial(_spec, file))
    looks.look(specs.WHAT, folder, lambda: specs.judge_names(folder))


def _spec(file: Path) -> Iterator[Finding]:
    return specs.judge_spec(file, specs.look_at_spec(file))


def _states(home: Home, settings: Settings) -> dict[str, str]:
    from tideline.platform.status import service_states

    return service_states(home, settings)


def _registry(looks: Looks, settings: Settings) -> RegistrySeen | None:
    """None too where its tables are not those of this version: nothing can be read of them."""
    return looks.have("registry", "database", lambda: _read_registry(looks, settings))


def _read_registry(looks: Looks, settings: Settings) -> RegistrySeen | None:
    from tideline.doctor.registry import judge_leases, judge_level, look_at_level, look_at_registry

    level = look_at_level(settings)
    looks.look("registry", "migrations", lambda: judge_level(level))
    if not level.is_newest:
        return None
    seen = look_at_registry(settings)
    looks.look("leases", "registry", lambda: judge_leases(seen.leases, seen.now))
    return seen


def _streams(looks: Looks, home: Home, user: int, seen: RegistrySeen | None) -> None:
    from tideline.doctor.streams import look_at_streams

    look_at_streams(looks, home, user, seen)
