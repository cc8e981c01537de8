"""Holds Spark's own count of what a batch dropped against the ledger's. Pure.

Spark counts rows after partial aggregation: the distinct (window, key) that a batch dropped. It can be lost with a
progress event, and is too high when a plan is executed more than once or a task is tried again. The ledger is neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tideline.ledger import LedgerRow
from tideline.versions import version_of

COUNTED_BATCH: Final = "spark.counter.batch"
COUNTER: Final = "spark.counter.dropped"
"""Settings of a ledger row: Spark's counter of a batch before it in the same generation."""


class Agreement(StrEnum):
    """How Spark's counter of a batch compares with the groups that the batch is known to have dropped."""

    AGREES = "agrees"
    MULTIPLE = "multiple"
    TOO_HIGH = "too high"
    TOO_LOW = "too low"
    LOST = "lost"


@dataclass(frozen=True)
class CrossCheck:
    """One batch: the groups it dropped by its corrections, Spark's counter (None when it was lost), and the verdict."""

    version: int
    groups: int
    counter: int | None

    @property
    def verdict(self) -> Agreement:
        if self.counter is None:
            return Agreement.LOST
        if self.counter == self.groups:
            return Agreement.AGREES
        if self.counter < self.groups:
            return Agreement.TOO_LOW
        return Agreement.MULTIPLE if self.groups and self.counter % self.groups == 0 else Agreement.TOO_HIGH

    @property
    def cause(self) -> str:
        """What the verdict comes from, in a sentence; empty where the two agree."""
        match self.verdict:
            case Agreement.MULTIPLE:
                times = self.counter // self.groups if self.counter else 0
                return f"the batch's plan was executed {times} times: one action in foreachBatch, or persist first"
            case Agreement.TOO_HIGH:
                return "tasks were tried again, and Spark counts each try"
            case Agreement.TOO_LOW:
                return (
                    "Spark dropped less than the ledger says: the rule or a setting that changes it is not as recorded"
                )
            case Agreement.LOST:
                return "the progress event was lost with its driver"
        return ""

    @property
    def is_alarming(self) -> bool:
        """Whether a person should look: results may be wrong, or the work is done several times."""
        return self.verdict in (Agreement.MULTIPLE, Agreement.TOO_LOW)


def cross_check(
    dropped: Iterable[int], corrected: Iterable[int], counters: Mapping[int, int]
) -> tuple[CrossCheck, ...]:
    """The corrected batches, oldest first: `dropped` holds a version for each group that was dropped, Spark's
    `counters` one for each batch whose progress was seen."""
    groups = Counter(dropped)
    return tuple(CrossCheck(version, groups[version], counters.get(version)) for version in sorted(set(corrected)))


def counters_of(ledger: Iterable[LedgerRow]) -> dict[int, int]:
    """Spark's counters by the version of their batch, as later rows keep them."""
    return {
        version_of(row.generation, int(row.settings[COUNTED_BATCH])): int(row.settings[COUNTER])
        for row in ledger
        if COUNTER in row.settings
    }
