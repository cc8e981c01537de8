"""Where a stream's first generation begins: at the earliest offsets, at the latest, or where the spec states."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from support.records import small_spec
from tideline.begin import Start, plan_cut
from tideline.generations import Cut
from tideline.spec.model import Source, StreamSpec
from tideline.starting_offsets import NotInTheLog, first_offsets

EARLIEST, ENDS = {0: 10, 1: 0}, {0: 30, 1: 5}


def source(starting: Any = "earliest", **others: Any) -> Source:
    return Source.model_validate({"topic": "logs", "starting_offsets": starting, **others})


@pytest.mark.parametrize(
    ("starting", "first"),
    [
        ("earliest", EARLIEST),
        ("latest", ENDS),
        ({0: 10, 1: 5}, {0: 10, 1: 5}),
        ({0: 30, 1: 0}, {0: 30, 1: 0}),
    ],
)
def test_a_stream_begins_where_its_spec_says(starting: Any, first: dict[int, int]) -> None:
    assert first_offsets(source(starting), EARLIEST, ENDS) == first


@pytest.mark.parametrize(
    ("starting", "problem"),
    [
        ({0: 10}, "names the partitions 0, topic 'logs' has 0, 1"),
        ({0: 10, 1: 0, 2: 0}, "names the partitions 0, 1, 2, topic 'logs' has 0, 1"),
        ({0: 9, 1: 6}, "partition 0: 9, held are 10 to 30, 1: 6, held are 0 to 5"),
    ],
)
def test_offsets_that_the_topic_does_not_have_are_refused(starting: Any, problem: str) -> None:
    with pytest.raises(NotInTheLog) as refused:
        first_offsets(source(starting), EARLIEST, ENDS)
    assert problem in refused.value.message


@pytest.mark.parametrize("starting", ["first", {0: -1}, {-1: 0}, {"a": 1}, 5])
def test_what_is_no_start_is_no_spec(starting: Any) -> None:
    with pytest.raises(ValidationError):
        source(starting)


def test_a_topic_that_the_driver_fills_is_read_from_its_first_record() -> None:
    with pytest.raises(ValidationError, match="leave starting_offsets out"):
        source("latest", files={"path": "data/*.json"})


def test_only_the_first_generation_begins_there() -> None:
    spec = small_spec()
    first = plan_cut(Start(1, spec, "id", EARLIEST, 1, {0: 20, 1: 5}), (), None)
    assert first.starts == {0: 20, 1: 5}
    assert following(spec, first, {**EARLIEST, 2: 0}).starts == {0: 20, 1: 5, 2: 0}


def following(spec: StreamSpec, first: Cut, earliest: dict[int, int]) -> Cut:
    return plan_cut(Start(2, spec, "id", earliest, 2), (first,), None)


def test_a_changed_start_is_the_same_stream() -> None:
    spec = small_spec()
    latest = spec.model_copy(update={"source": spec.source.model_copy(update={"starting_offsets": "latest"})})
    assert latest.fingerprint() == spec.fingerprint()
