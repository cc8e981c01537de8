"""The failures of drivers: their classes, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from tideline.offset_ranges import OffsetRanges


class FailureClass(StrEnum):
    """Why a driver ended, by what is to be done about it."""

    INFRASTRUCTURE = "infrastructure"
    TRANSIENT = "transient"
    POISON = "poison"
    OUT_OF_MEMORY = "out of memory"
    HUNG = "hung"
    SUPERSEDED = "superseded"
    STATE = "state"
    CONFIGURATION = "configuration"
    AUTH = "auth"
    CODE = "code"


ASKS_A_PERSON: Final = frozenset(
    {FailureClass.POISON, FailureClass.STATE, FailureClass.CONFIGURATION, FailureClass.AUTH, FailureClass.CODE}
)
USES_BUDGET: Final = frozenset({FailureClass.TRANSIENT, FailureClass.OUT_OF_MEMORY, FailureClass.HUNG})


@dataclass(frozen=True)
class FailedBatch:
    """An exception that the batch's records may have caused, by its fingerprint, and the offsets the batch reads."""

    fingerprint: str
    topic: str
    offsets: OffsetRanges

    @classmethod
    def parse(cls, said: Mapping[str, Any]) -> FailedBatch:
        """As a transition's evidence holds it, with JSON's keys and lists."""
        offsets = {int(part): [(start, end) for start, end in parts] for part, parts in said["offsets"].items()}
        return cls(said["fingerprint"], said["topic"], offsets)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Failure:
    """One driver lost; `proved` when it had been stable before, `batch` where its query failed in one."""

    at: int
    kind: FailureClass
    proved: bool
    batch: FailedBatch | None = None
