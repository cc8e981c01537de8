"""The tables a stream must show for a log: every valid event in every window it belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from oracle.events import Event, Record
from oracle.measures import CONDITIONS, MILLION, Condition, Value, measure
from oracle.parsing import parse
from tideline.spec.model import Metric, StreamSpec

Key = tuple[str | None, ...]
Row = dict[str, Value]
Tables = dict[str, dict[tuple[int, Key], Row]]
Derived = Callable[[Mapping[str, Any]], Value]


def _health_score(row: Mapping[str, Any]) -> int:
    percent = Fraction(100 * row["error_count"], row["total_requests"])
    return 100 if percent < 1 else 80 if percent < 5 else 60 if percent < 10 else 40


def _percent(column: str) -> Derived:
    return lambda row: float(Fraction(100 * row[column], row["total_requests"]))


DERIVED: Mapping[str, Derived] = {
    "error_rate": _percent("error_count"),
    "health_score": _health_score,
    "availability": _percent("successful_requests"),
    "performance": _percent("fast_requests"),
}
"""By the column's name: what the bundled spec derives, said again in Python."""


def expected(
    records: Iterable[Record],
    spec: StreamSpec,
    conditions: Mapping[str, Condition] = CONDITIONS,
    derived: Mapping[str, Derived] = DERIVED,
) -> Tables:
    """{metric: {(window start in ms, key): {column: value}}} over all records, however late they came."""
    groups: dict[str, dict[tuple[int, Key], list[Event]]] = {name: defaultdict(list) for name in spec.metrics}
    for record in records:
        event = parse(record.value, record.kafka_ms, spec.source.max_future)
        if isinstance(event, Event):
            event = replace(event, partition=record.partition, offset=record.offset)
            for name, metric in spec.metrics.items():
                if metric.where is not None and not conditions[metric.where](event):
                    continue
                for start_ms in window_starts(event.time_us, metric):
                    groups[name][start_ms, key_of(event, metric)].append(event)
    return {
        name: {group: _row(spec.metrics[name], events, conditions, derived) for group, events in found.items()}
        for name, found in groups.items()
    }


def window_starts(time_us: int, metric: Metric) -> Iterator[int]:
    """The starts, in ms, of the half-open windows that hold a time."""
    time_ms, slide = time_us // 1000, metric.slide_ms
    yield from range(time_ms // slide * slide, time_ms - metric.window, -slide)


def key_of(event: Event, metric: Metric) -> Key:
    return tuple(_key_text(column, getattr(event, column)) for column in metric.keys)


def _key_text(column: str, value: Any) -> str | None:
    """Keys are texts; a number is written with all the digits of its column."""
    if value is None or isinstance(value, str):
        return value
    if column != "response_time":
        return str(value)
    whole, rest = divmod(abs(value), MILLION)
    return f"{'-' if value < 0 else ''}{whole}.{rest:06}"


def _row(
    metric: Metric, events: list[Event], conditions: Mapping[str, Condition], derived: Mapping[str, Derived]
) -> Row:
    row = {column: measure(text, events, conditions) for column, text in metric.measures.items()}
    return row | {column: derived[column](row) for column in metric.derived}
