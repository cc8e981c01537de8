"""Measures over a group's events, exact until the last step: whole numbers and fractions, then one rounding."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

from oracle.events import Event

Value = float | int | list[str] | datetime | None
Condition = Callable[[Event], bool]

MILLION = 1_000_000
LONGEST = 1_000
_PRECISE = Context(prec=120)

# What a spec says in SQL, said again in Python; null makes a condition false.
CONDITIONS: Mapping[str, Condition] = {
    "status_code >= 400": lambda event: event.status_code is not None and event.status_code >= 400,
    "status_code = 200": lambda event: event.status_code == 200,
    "response_time <= 1.0": lambda event: event.response_time is not None and event.response_time <= MILLION,
}


def measure(text: str, events: Sequence[Event], conditions: Mapping[str, Condition] = CONDITIONS) -> Value:
    """The value of a measure, as a spec writes it, over the events of one group."""
    if text == "count":
        return len(events)
    name, argument = re.fullmatch(r"(\w+)\((.*)\)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    if name == "count_if":
        return sum(1 for event in events if conditions[argument](event))
    if argument == "timestamp":
        return _time((min if name == "min" else max)(event.time_us for event in events))
    if name == "sequence":
        events = sorted(events, key=lambda event: (event.time_us, event.partition, event.offset))
    present = [value for event in events if (value := getattr(event, argument)) is not None]
    if name == "count_distinct":
        return len(set(present))
    if name == "approx_count_distinct":
        return _estimate({str(value) for value in present})
    if name == "set":
        return sorted(set(present))[:LONGEST]
    if name == "sequence":
        return present[:LONGEST]
    scale = MILLION if argument == "response_time" else 1
    return _number(name, [Fraction(value, scale) for value in present])


def _estimate(values: Iterable[str]) -> int:
    """HyperLogLog in 4,096 registers, by the lower half of MD5; while few are filled, by how many are empty."""
    ranks: dict[int, int] = {}
    for value in values:
        rest, register = divmod(int.from_bytes(hashlib.md5(value.encode()).digest()[8:], "little"), 4096)
        ranks[register] = max(ranks.get(register, 0), 53 - rest.bit_length())
    empty = 4096 - len(ranks)
    raw = 0.7213 / (1 + 1.079 / 4096) * 4096**2 / (empty + sum(2.0**-rank for rank in ranks.values()))
    return round(raw) if not empty or raw > 2.5 * 4096 else round(4096 * math.log(4096 / empty))


def _time(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def _number(name: str, values: list[Fraction]) -> float | None:
    if len(values) < (2 if name == "stddev" else 1):
        return None
    match name:
        case "sum":
            return float(sum(values))
        case "avg":
            return float(sum(values) / len(values))
        case "min":
            return float(min(values))
        case "max":
            return float(max(values))
        case "stddev":
            return _square_root(_variance(values))
    raise ValueError(f"the oracle does not know the measure {name}")


def _variance(values: list[Fraction]) -> Fraction:
    """Of a sample."""
    mean = sum(values, Fraction(0)) / len(values)
    return sum(((value - mean) ** 2 for value in values), Fraction(0)) / (len(values) - 1)


def _square_root(value: Fraction) -> float:
    """120 digits leave nothing of the root's rounding in the float."""
    return float(_PRECISE.sqrt(_PRECISE.divide(Decimal(value.numerator), Decimal(value.denominator))))
