"""Measures as mergeable parts: which slots a metric's groups carry, and what is published from them.

A slot is a typed column of the `parts` table that merges with itself: counts and sums add, minima and maxima
compare, sets unite. Metrics share the slots; which of them a metric uses follows from its measures alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tideline.spec.measures import Measure, MeasureKind
from tideline.spec.model import Metric, StreamSpec

SCALE = 1_000_000


class SlotKind(StrEnum):
    """How two values of a slot merge."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    SET = "set"


_SQL_TYPES = {
    SlotKind.COUNT: "bigint",
    SlotKind.SUM: "decimal(38,0)",
    SlotKind.MIN: "bigint",
    SlotKind.MAX: "bigint",
    SlotKind.SET: "varchar[]",
}
_MERGES = {
    SlotKind.COUNT: "sum({0})",
    SlotKind.SUM: "sum({0})",
    SlotKind.MIN: "min({0})",
    SlotKind.MAX: "max({0})",
    SlotKind.SET: "list_sort(list_distinct(flatten(list({0}))))",
}


@dataclass(frozen=True)
class Slot:
    """A column of `parts`, and the aggregate over events that one group's value of it is."""

    kind: SlotKind
    index: int
    contribution: str

    @property
    def column(self) -> str:
        return f"{self.kind}_{self.index}"


@dataclass(frozen=True)
class MetricPlan:
    """A metric's slots, and for each measure the SQL over slots that finishes it."""

    slots: tuple[Slot, ...]
    finishes: dict[str, str]


def slot_kind(column: str) -> SlotKind:
    """The kind that a slot's column is named after."""
    return SlotKind(column.rpartition("_")[0])


def merge_sql(column: str) -> str:
    """The aggregate that merges a slot's column, with its type restored."""
    return f"{_MERGES[slot_kind(column)].format(column)}::{slot_type(column)}"


def slot_type(column: str) -> str:
    return _SQL_TYPES[slot_kind(column)]


class _Allocator:
    """Gives equal contributions one slot."""

    def __init__(self) -> None:
        self._slots: dict[tuple[SlotKind, str], Slot] = {}

    def column(self, kind: SlotKind, contribution: str) -> str:
        taken = sum(1 for known, _ in self._slots if known is kind)
        return self._slots.setdefault((kind, contribution), Slot(kind, taken, contribution)).column

    def slots(self) -> tuple[Slot, ...]:
        return tuple(self._slots.values())


def _scaled(column: str) -> str:
    """A numeric column as an integer of millionths."""
    return f"({column}::decimal(38, 6) * {SCALE})::bigint"


def _finish(measure: Measure, slots: _Allocator) -> str:
    column = measure.argument or ""

    def slot(kind: SlotKind, contribution: str) -> str:
        return slots.column(kind, contribution)

    match measure.kind:
        case MeasureKind.COUNT:
            return "events"
        case MeasureKind.COUNT_IF:
            return slot(SlotKind.COUNT, f"count(*) filter (where try({column}))")
        case MeasureKind.MIN:
            return f"({slot(SlotKind.MIN, f'min({_scaled(column)})')} / {SCALE}::double)"
        case MeasureKind.MAX:
            return f"({slot(SlotKind.MAX, f'max({_scaled(column)})')} / {SCALE}::double)"
        case MeasureKind.COUNT_DISTINCT | MeasureKind.SET:
            members = slot(SlotKind.SET, f"coalesce(list(distinct {column}) filter (where {column} is not null), [])")
            return f"len({members})" if measure.kind is MeasureKind.COUNT_DISTINCT else members
    count = slot(SlotKind.COUNT, f"count({column})")
    total = slot(SlotKind.SUM, f"coalesce(sum({_scaled(column)}), 0)")
    match measure.kind:
        case MeasureKind.SUM:
            return f"(case when {count} > 0 then {total}::double / {SCALE} end)"
        case MeasureKind.AVG:
            return f"(case when {count} > 0 then {total}::double / ({count}::double * {SCALE}) end)"
        case _:
            squares = slot(SlotKind.SUM, f"coalesce(sum({_scaled(column)}::hugeint * {_scaled(column)}), 0)")
            return _sample_deviation(count, total, squares)


def _sample_deviation(count: str, total: str, squares: str) -> str:
    """n*sum(x^2) - sum(x)^2 in whole numbers, so that nothing cancels; null below two values."""
    exact = f"{count}::hugeint * {squares}::hugeint - {total}::hugeint * {total}::hugeint"
    floating = f"greatest({count}::double * {squares}::double - {total}::double * {total}::double, 0)"
    numerator = f"coalesce(try(({exact})::double), {floating})"
    pairs = f"({count}::double * ({count} - 1)::double)"
    return f"(case when {count} > 1 then sqrt({numerator} / {pairs}) / {SCALE} end)"


def plan_metric(metric: Metric) -> MetricPlan:
    """The slots of a metric in the order its measures ask for them."""
    allocator = _Allocator()
    finishes = {column: _finish(measure, allocator) for column, measure in metric.parsed().items()}
    return MetricPlan(allocator.slots(), finishes)


def slot_columns(plans: Iterable[MetricPlan]) -> list[str]:
    """All slot columns that a stream's metrics use, sorted."""
    return sorted({slot.column for plan in plans for slot in plan.slots}, key=_slot_order)


def stream_plans(spec: StreamSpec) -> dict[str, MetricPlan]:
    return {name: plan_metric(metric) for name, metric in spec.metrics.items()}


def _slot_order(column: str) -> tuple[int, int]:
    return list(SlotKind).index(slot_kind(column)), int(column.rpartition("_")[2])
