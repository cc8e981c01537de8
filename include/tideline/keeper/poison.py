"""Poison: the same exception on the same offsets twice. A restart reads the same records again, and fails again."""

from __future__ import annotations

from collections.abc import Iterable

from tideline.keeper.failures import FailedBatch, Failure, FailureClass
from tideline.offset_ranges import ranges_text
from tideline.spec.job import JobSpec, Spec


def with_poison(kind: FailureClass, batch: FailedBatch | None, earlier: Iterable[Failure]) -> FailureClass:
    """POISON in place of TRANSIENT where one of the `earlier` failures was the same on the same offsets."""
    is_again = batch is not None and any(failure.batch == batch for failure in earlier)
    return FailureClass.POISON if kind is FailureClass.TRANSIENT and is_again else kind


def poison_text(spec: Spec, batch: FailedBatch) -> str:
    """Which offsets, and what a person can do about them."""
    where = f"the same exception twice on the same offsets of topic '{batch.topic}', {ranges_text(batch.offsets)}"
    if isinstance(spec, JobSpec):
        return f"{where}; let the job pass over that record, and `tideline deploy {spec.name}`"
    return (
        f"{where}; find the record, `tideline quarantine {spec.name} add {_place(batch)} --why TEXT`, and "
        f"`tideline deploy {spec.name}`"
    )


def _place(batch: FailedBatch) -> str:
    """The record where there is but one."""
    match [(partition, start, end) for partition, parts in batch.offsets.items() for start, end in parts]:
        case [(partition, start, end)] if end == start + 1:
            return f"{partition} {start}"
        case [(partition, _, _)]:
            return f"{partition} OFFSET"
    return "PARTITION OFFSET"
