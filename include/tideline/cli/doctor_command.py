"""`tideline doctor`: what is wrong, and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table
from tideline.home import Home

if TYPE_CHECKING:
    from tideline.doctor.diagnosis import Diagnosis

_STYLES = {"error": "red", "warning": "yellow", "unknown": "dim"}
_COLUMNS = ("", "check", "where", "what is wrong", "fix")


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Say what is wrong with this installation and its streams, and the fix; exit 1 when something is.

    It looks at versions, Java, jars, disk, ports, services, the registry, specs, and of each stream at its checkpoint,
    epochs, drivers, leases, tables and the owners of its files. It changes nothing, and works whatever is down.

    JSON: holds, checks, findings [{what, where, problem, fix, severity (error, warning, or unknown: could not be
    looked at)}].
    """
    from tideline.doctor.diagnosis import diagnose

    found = diagnose(Home.from_env())
    if as_json:
        print_json(found.as_dict())
    else:
        show(found)
    raise typer.Exit(0 if found.holds else 1)


def show(found: Diagnosis) -> None:
    """A line a finding, then a summary."""
    if found.findings:
        rows = [(each.severity, each.what, each.where, each.problem, each.fix) for each in found.findings]
        print_table(out, _COLUMNS, rows, styles=[_STYLES[each.severity] for each in found.findings])
        out.print()
    out.print(summary(found))


def summary(found: Diagnosis) -> str:
    from tideline.doctor.finding import Severity

    if found.holds:
        return f"{found.checks} checks: nothing is wrong"
    names = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.UNKNOWN: "could not be looked at"}
    counts = [f"{number} {name}" for severity, name in names.items() if (number := found.count(severity))]
    return f"{found.checks} checks: {', '.join(counts)}"
