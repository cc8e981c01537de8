"""What the engine refuses is told at the metric, should every other check have let it pass."""

from __future__ import annotations

from typing import Any

import pytest

from support.records import log_metrics, small_spec
from tideline.spec.planning import planning_problems, refusal_of
from tideline.spec.yaml_text import Text, read_yaml


def metric(**parts: Any) -> dict[str, Any]:
    return {"window": "10 seconds", "measures": {"n": "count"}, **parts}


def test_the_engine_takes_what_is_right() -> None:
    spec = log_metrics()
    assert [refusal_of(spec, name) for name in spec.metrics] == [None] * len(spec.metrics)


@pytest.mark.parametrize(
    "wrong",
    [
        metric(keys=["nope"]),
        metric(measures={"n": "count_if(nope > 1)"}),
        metric(where="nope"),
        metric(derived={"d": "nope + 1"}),
    ],
)
def test_only_the_metric_that_cannot_be_planned_is_refused(wrong: dict[str, Any]) -> None:
    spec = small_spec(right=metric(), wrong=wrong)
    assert (refusal_of(spec, "right"), bool(refusal_of(spec, "wrong"))) == (None, True)


def test_a_refusal_stands_at_the_metric() -> None:
    text = read_yaml("metrics:\n  right: {}\n  wrong: {}\n")
    assert isinstance(text, Text)
    (problem,) = planning_problems(small_spec(right=metric(), wrong=metric(derived={"d": "nope + 1"})), text)
    assert (problem.line, problem.column, problem.length) == (3, 3, 5)
    assert "metric 'wrong' cannot be computed: " in problem.message
