"""Hostile records of the greatest length are events or rejects with a reason, in every format, and in linear time."""

from __future__ import annotations

import pytest

from tideline.bench.hostile import HostileCost, measure_hostile
from tideline.bench.hostile_records import FORMATS, KINDS, LONG, spec_reading
from tideline.bench.player import records
from tideline.engine.cells import Engine

_LINE = b'1.1.1.1 - - [01/Jan/1970:00:00:01 +0000] "GET / HTTP/1.0" 200 1'
PLAIN = {
    "log": b'{"timestamp": 1000}',
    "apache-common": _LINE,
    "apache-combined": _LINE + b' "-" "-"',
    "nginx": _LINE + b' "-" "-" 0.1',
    "json": b'{"timestamp": 1000}',
}


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {form: Engine(spec_reading(form)) for form in FORMATS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMATS)
def test_it_is_parsed_or_rejected_with_a_reason(engines: dict[str, Engine], form: str, kind: str) -> None:
    engine, reason = engines[form], KINDS[kind].reason_in(form)
    engine.load(records([PLAIN[form], KINDS[kind].make(LONG), PLAIN[form]]))
    rows = engine.parsed().sort_by("_offset").to_pylist()
    assert [row["_reason"] for row in rows] == [None, reason, None]
    assert (rows[1]["_value"] is None) == (reason is None)
    assert len(engine.cells())


@pytest.mark.parametrize("form", FORMATS)
def test_some_kinds_are_events_and_some_are_rejects(form: str) -> None:
    reasons = {kind.reason_in(form) for kind in KINDS.values()}
    assert None in reasons
    assert len(reasons) > 2


@pytest.mark.slow  # a minute or two a format
@pytest.mark.parametrize("form", FORMATS)
def test_twice_the_length_costs_at_most_three_times_the_time(form: str) -> None:
    cost = measure_hostile([form])
    assert cost.holds, cost.as_dict()


@pytest.mark.parametrize(
    ("whole", "ratio", "holds"), [(20.0, 2.0, True), (30.0, 3.0, True), (30.1, 3.01, False), (40.0, 4.0, False)]
)
def test_the_kind_that_grows_most_decides(whole: float, ratio: float, holds: bool) -> None:
    cost = HostileCost({"log": {"NUL": (100.0, 190.0)}, "nginx": {"NUL": (10.0, 10.0), "blanks": (10.0, whole)}})
    assert (cost.worst, cost.ratio, cost.holds) == (("nginx", "blanks"), ratio, holds)
    assert cost.as_dict()["worst"] == "nginx, blanks"
