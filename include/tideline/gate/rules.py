"""Expectations that hold for any stream, by its spec. Names and arguments are those of Great Expectations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tideline.spec.measures import MeasureKind
from tideline.spec.model import Metric

MISALIGNED: Final = "misaligned_us"
"""The column, added for the check, that says how far (us) a window lies from where a window can."""
ROW: Final = ("window_start", "key")
"""What names a row of a published table."""
CORRECTION: Final = ("version", "metric", "window_end", "key")
"""What names a correction: a batch (generation << 32 | batch) and a group."""

_COUNTS: Final = frozenset(kind for kind in MeasureKind if "count" in kind)


@dataclass(frozen=True)
class Rule:
    """One expectation, such as `expect_column_values_to_be_between`, and what it is called with."""

    expectation: str
    arguments: Mapping[str, Any]


def correction_rules(metrics: Iterable[str]) -> tuple[Rule, ...]:
    """Of corrections: each group once a batch, of a metric there is, at least one event, aligned windows."""
    return (
        Rule("expect_compound_columns_to_be_unique", {"column_list": list(CORRECTION)}),
        Rule("expect_column_values_to_be_in_set", {"column": "metric", "value_set": sorted(metrics)}),
        Rule("expect_column_values_to_be_between", {"column": "events", "min_value": 1}),
        _aligned(),
    )


def table_rules(metric: Metric) -> tuple[Rule, ...]:
    """Of a published table: each key once a window, counts and deviations not negative, aligned windows."""
    parsed = metric.parsed()
    counts = [name for name, measure in parsed.items() if measure.kind in _COUNTS]
    deviations = [name for name, measure in parsed.items() if measure.kind is MeasureKind.STDDEV]
    return (
        Rule("expect_compound_columns_to_be_unique", {"column_list": list(ROW)}),
        _aligned(),
        *(Rule("expect_column_values_to_not_be_null", {"column": name}) for name in counts),
        *(
            Rule("expect_column_values_to_be_between", {"column": name, "min_value": 0})
            for name in (*counts, *deviations)
        ),
    )


def _aligned() -> Rule:
    return Rule("expect_column_values_to_be_in_set", {"column": MISALIGNED, "value_set": [0]})
