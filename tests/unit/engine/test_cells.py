from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import LONGER, log_line, log_metrics, small_spec
from tideline.bench.player import records
from tideline.engine.cells import Engine

COUNT = {"measures": {"n": "count"}}


def cells_of(engine: Engine, *values: bytes | None) -> list[dict[str, Any]]:
    engine.load(records(values))
    cells: list[dict[str, Any]] = engine.cells().to_pylist()
    return cells


def second(value: dt.datetime) -> int:
    return round(value.timestamp())


def test_events_of_one_group_become_one_cell() -> None:
    cells = cells_of(Engine(small_spec()), log_line(1), log_line(9.999), log_line(3, "b"))
    assert sorted((c["key"], second(c["window_end"]), c["events"]) for c in cells) == [
        ('["a"]', 10, 2),
        ('["b"]', 10, 1),
    ]


def test_a_sliding_window_copies_cells_to_each_window() -> None:
    spec = small_spec(a={"window": "30 seconds", "slide": "10 seconds", **COUNT})
    assert sorted(second(c["window_end"]) for c in cells_of(Engine(spec), log_line(75))) == [80, 90, 100]


def test_times_before_the_epoch_fall_into_the_window_that_holds_them() -> None:
    cells = cells_of(Engine(small_spec()), log_line(-5), log_line(-10), log_line(-10.001))
    assert sorted((second(c["window_end"]), c["events"]) for c in cells) == [(-10, 1), (0, 2)]


@pytest.mark.parametrize("space", [" ", "\n", "\t", "\r\n", "\n    "])
@pytest.mark.parametrize(
    "metric",
    [
        {"where": "true and{space}user_id = 'u7'", "measures": {"n": "count"}},
        {"measures": {"n": "count_if(true and{space}user_id = 'u7')"}},
    ],
    ids=["where", "measure"],
)
def test_a_column_is_read_wherever_its_name_stands(metric: dict[str, Any], space: str) -> None:
    said = {"window": "10 seconds", **json.loads(json.dumps(metric).replace("{space}", json.dumps(space)[1:-1]))}
    engine, whole = Engine(small_spec(a=said)), Engine(small_spec(a=said), every_column=True)
    lines = [log_line(1, user_id="u7"), log_line(2, user_id="u8")]
    assert cells_of(engine, *lines) == cells_of(whole, *lines) != cells_of(whole, log_line(1), log_line(2))


def test_a_null_key_is_a_group_of_its_own() -> None:
    assert [c["key"] for c in cells_of(Engine(small_spec()), log_line(1, None))] == ["[null]"]


def test_a_key_may_be_made_of_texts_and_numbers() -> None:
    spec = small_spec(a={"window": "10 seconds", "keys": ["service", "status_code", "response_time"], **COUNT})
    line = log_line(1, status_code=404, response_time=0.5)
    assert [c["key"] for c in cells_of(Engine(spec), line)] == ['["a","404","0.500000"]']


def test_drop_at_adds_what_a_metric_keeps_its_windows_longer() -> None:
    cells = cells_of(Engine(log_metrics()), log_line(61))
    kept = {c["metric"]: second(c["drop_at"]) - second(c["window_end"]) for c in cells}
    assert kept == {name: 300 if name in LONGER else 0 for name in log_metrics().metrics}


def test_sums_are_whole_numbers_of_millionths_rounded_half_to_even() -> None:
    spec = small_spec(a={"window": "10 seconds", "measures": {"s": "sum(response_time)"}})
    lines = [b'{"timestamp":1,"response_time":%s}' % number for number in (b"0.1234565", b"0.1234575", b"1e-3")]
    assert [c["sum_0"] for c in cells_of(Engine(spec), *lines)] == [Decimal(123456 + 123458 + 1000)]


def test_panes_tell_where_events_lie() -> None:
    engine = Engine(small_spec())
    engine.load(records([log_line(1), log_line(11), b"junk", log_line(2)], partition=4, first_offset=50))
    panes = sorted(engine.panes().to_pylist(), key=lambda pane: pane["pane"])
    assert [(p["partition"], p["pane"], p["events"], p["first_offset"], p["last_offset"]) for p in panes] == [
        (4, 0, 2, 50, 53),
        (4, 10_000_000, 1, 51, 51),
    ]


def late(version: int, start: int, end: int, late_s: int) -> pa.Table:
    columns = {"version": [version], "start": [start], "end": [end], "late_us": [late_s * 1_000_000]}
    table = pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})
    return table.append_column("partition", pa.array([0], pa.int32()))


def test_late_cells_are_the_pairs_a_batch_dropped() -> None:
    engine = Engine(small_spec(a={"window": "30 seconds", "slide": "10 seconds", **COUNT}))
    engine.load(records([log_line(75), log_line(76)]))
    cells = engine.late_cells(late(7, 0, 2, 90)).to_pylist()
    assert sorted((c["version"], second(c["window_end"]), c["events"]) for c in cells) == [(7, 80, 2), (7, 90, 2)]


def test_late_cells_take_only_the_batchs_offsets() -> None:
    engine = Engine(small_spec())
    engine.load(records([log_line(5)] * 10))
    assert [c["events"] for c in engine.late_cells(late(7, 2, 5, 90)).to_pylist()] == [3]


MEASURES = {
    "n": "count",
    "errors": "count_if(status_code >= 400)",
    "total": "sum(response_time)",
    "least": "min(response_time)",
    "most": "max(response_time)",
    "spread": "stddev(response_time)",
    "users": "set(user_id)",
}
EVENTS = st.builds(
    log_line,
    st.integers(0, 40),
    st.sampled_from(["a", "b"]),
    response_time=st.one_of(st.none(), st.decimals(0, 1000, places=6).map(float)),
    status_code=st.sampled_from([200, 404, 500, None]),
    user_id=st.sampled_from(["x", "y", "z", None]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, max_size=12), st.integers(0, 12))
def test_parts_merge_to_the_whole_wherever_the_log_is_cut(events: list[bytes], cut: int) -> None:
    metric = {"window": "20 seconds", "slide": "10 seconds", "keys": ["service"], "measures": MEASURES}
    engine = Engine(small_spec(a=metric))

    def part(values: list[bytes]) -> pa.Table:
        engine.load(records(values))
        return engine.cells()

    whole = engine.merge(part(events))
    cut_up = engine.merge(pa.concat_tables([part(events[cut:]), part(events[:cut])]))
    order = [("window_end", "ascending"), ("key", "ascending")]
    assert cut_up.sort_by(order).to_pylist() == whole.sort_by(order).to_pylist()


@pytest.mark.parametrize("measure", ["sum(response_time)", "avg(response_time)", "stddev(response_time)"])
def test_a_window_with_a_null_measure_still_counts_its_event(measure: str) -> None:
    spec = small_spec(a={"window": "10 seconds", "measures": {"m": measure}})
    assert [c["events"] for c in cells_of(Engine(spec), log_line(1, response_time=None))] == [1]


def test_a_condition_that_fails_on_an_event_does_not_hold_for_it() -> None:
    spec = small_spec(a={"window": "10 seconds", "measures": {"n": "count_if(regexp_matches(service, user_id))"}})
    cells = cells_of(Engine(spec), log_line(1, "x", user_id="("), log_line(2, "x", user_id="x"))
    assert [(c["events"], c["count_0"]) for c in cells] == [(2, 1)]
