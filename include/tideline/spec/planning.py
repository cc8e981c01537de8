"""The last check of a spec: each metric is planned as the engine will, so that it cannot fail there."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from tideline.engine.cells import Engine
from tideline.engine.publish import published_schema
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline.spec.problems import Problem
from tideline.spec.yaml_text import Text


def planning_problems(spec: StreamSpec, text: Text) -> Iterator[Problem]:
    """What the engine refuses, at the metric it is about."""
    for name in spec.metrics:
        refusal = refusal_of(spec, name)
        if refusal:
            yield text.at_key(("metrics", name), f"metric '{name}' cannot be computed: {refusal}")


def refusal_of(spec: StreamSpec, name: str) -> str | None:
    """Why the engine cannot compute a metric's cells or finish its rows; None when it can."""
    alone = spec.model_copy(update={"metrics": {name: spec.metrics[name]}})
    try:
        engine = Engine(alone)
        engine.load(RECORDS.empty_table())
        engine.cells()
        published_schema(alone, name)
    except duckdb.Error as error:
        return str(error).split("\n")[0]
    return None
