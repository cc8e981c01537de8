"""The rim of the doctor: makes one check after the other, and none that fails hides the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tideline.doctor.finding import Finding, unseen
from tideline.errors import UserError

T = TypeVar("T")


@dataclass
class Looks:
    """The checks that were made, and what they found."""

    made: int = 0
    findings: list[Finding] = field(default_factory=list)

    def look(self, what: str, where: object, check: Callable[[], Iterable[Finding]]) -> None:
        """Makes a check, whose findings count."""
        self.findings += self.have(what, where, lambda: list(check())) or []

    def have(self, what: str, where: object, gather: Callable[[], T]) -> T | None:
        """What was gathered; where it cannot be had, that is a finding."""
        self.made += 1
        try:
            return gather()
        except UserError as error:
            self.findings.append(told(what, where, error))
        except Exception as error:  # whatever a broken machine raises, the other checks are made
            self.findings.append(unseen(what, str(where), error))
        return None


def told(what: str, where: object, error: UserError) -> Finding:
    """An error that says its fix itself."""
    return Finding(what, str(where), " ".join(error.message.split()), error.fix or "mend what it says")
