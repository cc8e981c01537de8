"""The texts that measures are written as."""

from __future__ import annotations

import pytest

from tideline.spec.measures import Measure, MeasureKind, parse_measure


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("count", Measure(MeasureKind.COUNT)),
        (" avg( response_time ) ", Measure(MeasureKind.AVG, "response_time")),
        ("count_if(service in ('a', 'b'))", Measure(MeasureKind.COUNT_IF, "service in ('a', 'b')")),
        ("count_if(\n  status_code > 1\n)", Measure(MeasureKind.COUNT_IF, "status_code > 1")),
    ],
)
def test_a_measure_is_read(text: str, measure: Measure) -> None:
    assert parse_measure(text) == measure


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("average(x)", "'average' is not a measure"),
        ("sum", "'sum' lacks its argument: write sum.COLUMN."),
        ("count_if()", "'count_if..' lacks its argument: write count_if.CONDITION."),
        ("count(x)", "takes no argument"),
        ("avg(x) + 1", "is not a measure"),
    ],
)
def test_what_is_no_measure_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_measure(text)
