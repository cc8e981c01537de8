"""Corrections that the gate held back: which batches', why, and who released them.

A hold keeps the corrections themselves, so that Kafka may forget what they were made from. Its batches are not read
again, and their corrections are published only once a person has released it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tideline.errors import UserError
from tideline.times import iso_ms


@dataclass(frozen=True)
class Release:
    """Who let a hold's corrections through, when, and in which run, if it was one of Airflow's."""

    by: str
    at_ms: int
    run: str | None = None


@dataclass(frozen=True)
class Hold:
    """The corrections of some batches (`versions`), held since `at_ms` because of what the gate found (`failures`).

    `page` is the validation's page of the Data Docs, as a path within them; `run` the run that was held.
    """

    number: int
    at_ms: int
    versions: frozenset[int]
    corrections: int
    events: int
    failures: tuple[str, ...]
    page: str | None = None
    run: str | None = None
    release: Release | None = None

    def as_dict(self) -> dict[str, Any]:
        """For people and scripts: `versions` as the number of batches."""
        released = None if self.release is None else {"by": self.release.by, "at": iso_ms(self.release.at_ms)}
        return {
            "hold": self.number,
            "since": iso_ms(self.at_ms),
            "batches": len(self.versions),
            "corrections": self.corrections,
            "events": self.events,
            "failures": list(self.failures),
            "released": released,
        }


def waiting(holds: Iterable[Hold]) -> list[Hold]:
    """Those that nobody has released."""
    return [hold for hold in holds if hold.release is None]


def held_versions(holds: Iterable[Hold]) -> frozenset[int]:
    """The batches whose corrections wait for a person."""
    return frozenset(version for hold in waiting(holds) for version in hold.versions)


def hold_numbered(stream: str, holds: Sequence[Hold], number: int) -> Hold:
    """The hold of this number that still waits; UserError where there is none."""
    found = next((hold for hold in holds if hold.number == number), None)
    if found is None:
        known = ", ".join(str(hold.number) for hold in waiting(holds)) or "none"
        raise UserError(f"{stream} has no hold {number}", f"waiting for a person: {known}")
    if found.release is not None:
        at = iso_ms(found.release.at_ms)
        raise UserError(
            f"hold {number} of {stream} was released by {found.release.by} at {at}", "nothing is to be done"
        )
    return found
