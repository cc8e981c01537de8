"""Measures as mergeable parts: which slots a metric's groups carry, and what is published from them.

A slot is a typed column of the `parts` table that merges with itself: counts and sums add, minima and maxima
compare, sets unite. Metrics share the slots; which of them a metric uses follows from its measures alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tideline.spec.measures import LISTS, Measure, MeasureKind
from tideline.spec.model import Metric, StreamSpec
from tideline.spec.schema import ColumnType

SCALE = 1_000_000
LONGEST = 1_000
"""A published set or sequence has so many elements at most; a row that has more says so."""


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
    """A metric's slots, for each measure the SQL over slots that finishes it, and the SQL of those that are lists."""

    slots: tuple[Slot, ...]
    finishes: dict[str, str]
    lists: tuple[str, ...] = ()

    @property
    def is_cut(self) -> str | None:
        """Whether a published list leaves out elements; None where there is no list."""
        return " or ".join(f"len({members}) > {LONGEST}" for members in self.lists) or None


def slot_kind(column: str) -> SlotKind:
    """The kind that a slot's column is named after."""
    return SlotKind(column.rpartition("_")[0])


def merge_sql(column: str) -> str:
    """The aggregate that merges a slot's column, with its type restored."""
    return f"{_MERGES[slot_kind(column)].format(column)}::{slot_type(column)}"


def canonical_sql(column: str) -> str:
    """A slot's column as merging would leave it where there is nothing to merge it with."""
    value = f"list_sort({column})" if slot_kind(column) is SlotKind.SET else column
    return f"{value}::{slot_type(column)}"


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


def _members(element: str, column: str) -> str:
    return f"coalesce(list(distinct {element}) filter (where {column} is not null), [])"


_TIME_DIGITS, _PARTITION_DIGITS, _OFFSET_DIGITS = 19, 10, 19
_BEFORE_VALUE = _TIME_DIGITS + _PARTITION_DIGITS + _OFFSET_DIGITS


def _in_order(column: str) -> str:
    """An element that sorts as text by event time, then partition and offset, and ends with the value."""
    digits = (("_t + 62135596800000000", _TIME_DIGITS), ("_partition", _PARTITION_DIGITS), ("_offset", _OFFSET_DIGITS))
    return " || ".join([*(f"lpad(({part})::varchar, {size}, '0')" for part, size in digits), f"{column}::varchar"])


def _values_in_order(members: str) -> str:
    return f"list_transform(list_sort({members}), lambda member: member[{_BEFORE_VALUE + 1}:])"


_REGISTERS = 4096
"""HyperLogLog's: the standard error is 1.04 / sqrt(4096), 1.6 %."""
_RANK_BITS = 52


def _register(column: str) -> str:
    """A value's register and rank as text: a set of them is the sketch, and holds some 30,000 at most."""
    hashed = f"md5_number_lower({column}::varchar)"
    rank = f"({_RANK_BITS + 1} - length(ltrim(bin({hashed} >> 12), '0')))"
    return f"({hashed} % {_REGISTERS})::varchar || ':' || {rank}::varchar"


def _estimate(members: str) -> str:
    """From the greatest rank in each register; while few are filled, from their number alone."""
    alpha = 0.7213 / (1 + 1.079 / _REGISTERS)
    unit = 1 << _RANK_BITS + 1
    filled = f"""select count(*) as filled,
        coalesce(sum(1::hugeint << ({_RANK_BITS + 1} - rank)), 0)
          + ({_REGISTERS} - count(*)) * {unit}::hugeint as units
      from (select split_part(member, ':', 1) as register, max(split_part(member, ':', 2)::integer) as rank
            from (select unnest({members}) as member) group by 1)"""
    raw = f"{alpha * _REGISTERS * _REGISTERS}::double * {unit}::double / units::double"
    return f"""(select case when filled = {_REGISTERS} or {raw} > {2.5 * _REGISTERS} then round({raw})
        else round({_REGISTERS} * ln({_REGISTERS}::double / ({_REGISTERS} - filled))) end::bigint from ({filled}))"""


def _scaled(column: str) -> str:
    """A numeric value as an integer of millionths."""
    return f"({column}::decimal(38, 6) * {SCALE})::bigint"


def _scaled_sum(column: str) -> str:
    """The sum of a numeric column as an integer of millionths: scaled once a group, not once an event."""
    return f"(coalesce(sum({column}::decimal(18, 6)), 0) * {SCALE})::decimal(38, 0)"


def _scaled_squares(column: str) -> str:
    """The sum of a numeric column's squares in millionths squared: its twelve decimals without their point."""
    square = f"{column}::decimal(19, 6) * {column}::decimal(18, 6)"  # of 19 digits on in 128 bits, which hold it
    return f"replace(coalesce(sum({square}), 0)::decimal(38, 12)::varchar, '.', '')::decimal(38, 0)"


_EXACT_DOUBLE: Final = 1 << 53
"""Whole numbers up to it are doubles themselves: dividing two of them rounds once."""


def _nearest(millionths: str) -> str:
    """The double nearest to a whole number of millionths; from its digits where the number itself is no double."""
    digits = f"({millionths}::varchar || 'e-6')::double"
    return f"(case when abs({millionths}) <= {_EXACT_DOUBLE} then {millionths}::double / {SCALE} else {digits} end)"


_QUOTIENT_DIGITS: Final = 27
"""Of a quotient after its point: as many as 128 bits hold with a remainder below 10^11, and enough for a double."""


def _nearest_quotient(millionths: str, count: str) -> str:
    """The double nearest to a whole number of millionths divided by a count.

    Where it is not one division of two doubles it is read from its digits; a last one tells whether more would follow.
    """
    t, n = f"abs({millionths}::hugeint)", f"{count}::hugeint"
    shifted = f"({t} % {n}) * {10**_QUOTIENT_DIGITS}::hugeint"
    more = f"case when ({shifted}) % {n} = 0 then '' else '1' end"
    digits = f"({t} // {n})::varchar || '.' || lpad((({shifted}) // {n})::varchar, {_QUOTIENT_DIGITS}, '0') || {more}"
    sign = f"case when {millionths} < 0 then '-' else '' end"
    return f"""(case when {t} <= {_EXACT_DOUBLE} and {n} * {SCALE} <= {_EXACT_DOUBLE}
        then {millionths}::double / ({count}::double * {SCALE}) else ({sign} || {digits} || 'e-6')::double end)"""


def _finish(measure: Measure, slots: _Allocator, times: frozenset[str]) -> str:
    """The SQL over slots that finishes a measure; `times` are the columns that are timestamps."""
    is_time = measure.argument in times
    column = (measure.argument or "") if measure.kind is MeasureKind.COUNT_IF else f'"{measure.argument}"'

    def slot(kind: SlotKind, contribution: str) -> str:
        return slots.column(kind, contribution)

    match measure.kind:
        case MeasureKind.COUNT:
            return "events"
        case MeasureKind.COUNT_IF:
            return slot(SlotKind.COUNT, f"count(*) filter (where try({column}))")
        case MeasureKind.MIN if is_time:
            return f"make_timestamptz({slot(SlotKind.MIN, f'min(epoch_us({column}))')})"
        case MeasureKind.MAX if is_time:
            return f"make_timestamptz({slot(SlotKind.MAX, f'max(epoch_us({column}))')})"
        case MeasureKind.MIN:
            return _nearest(slot(SlotKind.MIN, _scaled(f"min({column})")))
        case MeasureKind.MAX:
            return _nearest(slot(SlotKind.MAX, _scaled(f"max({column})")))
        case MeasureKind.COUNT_DISTINCT | MeasureKind.SET:
            members = slot(SlotKind.SET, _members(column, column))
            return f"len({members})" if measure.kind is MeasureKind.COUNT_DISTINCT else members
        case MeasureKind.SEQUENCE:
            return _values_in_order(slot(SlotKind.SET, _members(_in_order(column), column)))
        case MeasureKind.APPROX_COUNT_DISTINCT:
            return _estimate(slot(SlotKind.SET, _members(_register(column), column)))
    count = slot(SlotKind.COUNT, f"count({column})")
    total = slot(SlotKind.SUM, _scaled_sum(column))
    match measure.kind:
        case MeasureKind.SUM:
            return f"(case when {count} > 0 then {_nearest(total)} end)"
        case MeasureKind.AVG:
            return f"(case when {count} > 0 then {_nearest_quotient(total, count)} end)"
        case _:
            squares = slot(SlotKind.SUM, _scaled_squares(column))
            return _sample_deviation(count, total, squares)


def _sample_deviation(count: str, total: str, squares: str) -> str:
    """The deviation by whole numbers, null below two values.

    n*sum(x^2) - sum(x)^2 is too long for 128 bits where values are large. With sum(x) = q*n + r it is n*s - r^2, where
    s = sum((x - q)^2) has no more digits than the squares' sum; where n*s is too long r^2 is nothing beside it.
    """
    n, t = f"{count}::hugeint", f"{total}::hugeint"
    q, r = f"({t} // {n})", f"({t} % {n})"
    s = f"({squares}::hugeint - {q} * {q} * {n} - 2 * {q} * {r})"
    exact = f"{n} * {s} - {r} * {r}"
    floating = f"{n}::double * {s}::double - {r}::double * {r}::double"
    pairs = f"({count}::double * ({count} - 1)::double)"
    return f"(case when {count} > 1 then sqrt(coalesce(try(({exact})::double), {floating}) / {pairs}) / {SCALE} end)"


def plan_metric(metric: Metric, times: frozenset[str] = frozenset()) -> MetricPlan:
    """The slots of a metric in the order its measures ask for them; `times` are the columns that are timestamps."""
    allocator = _Allocator()
    finishes = {column: _finish(measure, allocator, times) for column, measure in metric.parsed().items()}
    lists = tuple(finishes[column] for column, measure in metric.parsed().items() if measure.kind in LISTS)
    shown = {column: f"{sql}[:{LONGEST}]" if sql in lists else sql for column, sql in finishes.items()}
    return MetricPlan(allocator.slots(), shown, lists)


def slot_columns(plans: Iterable[MetricPlan]) -> list[str]:
    """All slot columns that a stream's metrics use, sorted."""
    return sorted({slot.column for plan in plans for slot in plan.slots}, key=_slot_order)


def stream_plans(spec: StreamSpec) -> dict[str, MetricPlan]:
    times = frozenset(name for name, kind in spec.source.read_as.columns.items() if kind is ColumnType.TIMESTAMP)
    return {name: plan_metric(metric, times) for name, metric in spec.metrics.items()}


def _slot_order(column: str) -> tuple[int, int]:
    return list(SlotKind).index(slot_kind(column)), int(column.rpartition("_")[2])
