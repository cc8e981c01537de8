"""Sequences, approximate counts and times: one value, however the events came and were cut up."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.engine.slots import LONGEST
from tideline.tables.batch import group_rows
from tideline.tables.schemas import correction_schema

Events = list[tuple[int, int, bytes]]
"""Partition, offset and value of each record."""


def published(measures: dict[str, str], *chunks: Events) -> dict[str, Any]:
    """The one row of the chunks, each parsed by itself and then merged."""
    spec = small_spec(m={"window": "1 hour", "measures": measures})
    engine, publisher = Engine(spec), Publisher(spec)
    cells = []
    for chunk in chunks:
        loaded = [records([value], partition, offset) for partition, offset, value in chunk]
        engine.load(pa.concat_tables(loaded))
        cells.append(engine.cells())
    groups = group_rows(engine.slots, engine.merge(pa.concat_tables(cells)), 1, 0)
    merged = publisher.merge(groups, correction_schema(engine.slots).empty_table())
    (row,) = publisher.finish(merged, 0)["m"].to_pylist()
    return dict(row)


def test_a_sequence_is_in_the_order_of_event_time_then_partition_and_offset() -> None:
    events = [(0, 0, log_line(9, "i")), (1, 9, log_line(3, "d")), (0, 7, log_line(3, "b")), (1, 10, log_line(3, "e"))]
    events += [
        (0, 30, log_line(3, "c")),
        (0, 31, log_line(3, None)),
        (0, 40, log_line(0.001, "a")),
        (0, 41, log_line(9, "i")),
    ]
    for _ in range(5):
        random.Random(_).shuffle(events)
        row = published({"seen": "sequence(service)"}, events[:3], events[3:])
        assert row["seen"] == ["a", "b", "c", "d", "e", "i", "i"]
        assert row["is_cut"] is False


def test_a_sequence_before_the_epoch_is_in_order_too() -> None:
    row = published({"seen": "sequence(service)"}, [(0, 0, log_line(-1, "b")), (0, 1, log_line(-2000, "a"))])
    assert row["seen"] == ["a", "b"]


@pytest.mark.parametrize(("count", "is_cut"), [(LONGEST, False), (LONGEST + 1, True)])
def test_a_list_past_its_longest_says_so(count: int, is_cut: bool) -> None:
    events = [(0, number, log_line(1, f"{number:05}")) for number in range(count)]
    row = published({"seen": "sequence(service)", "kinds": "set(service)", "n": "count_distinct(service)"}, events)
    assert (len(row["seen"]), len(row["kinds"]), row["n"], row["is_cut"]) == (LONGEST, LONGEST, count, is_cut)
    assert row["seen"][:2] == ["00000", "00001"]


@pytest.mark.parametrize("count", [0, 1, 100, 3_000, 20_000])
def test_an_approximate_count_is_near_and_the_same_however_it_is_cut(count: int) -> None:
    events = [(0, number, log_line(1, f"user {number}")) for number in range(count)] + [(0, count, log_line(1, None))]
    values = [value for _, _, value in events]
    spec = small_spec(m={"window": "1 hour", "measures": {"n": "approx_count_distinct(service)"}})
    engine, publisher = Engine(spec), Publisher(spec)
    estimates = set()
    for at in (0, count // 3):
        cells = []
        for offset, chunk in ((0, values[:at]), (at, values[at:])):
            engine.load(records(chunk, 0, offset))
            cells.append(engine.cells())
        groups = group_rows(engine.slots, engine.merge(pa.concat_tables([*cells, cells[-1]])), 1, 0)
        merged = publisher.merge(groups, correction_schema(engine.slots).empty_table())
        (row,) = publisher.finish(merged, 0)["m"].to_pylist()
        estimates.add(row["n"])
    (estimate,) = estimates
    assert abs(estimate - count) <= max(1, count * 0.05)


def test_a_time_has_a_least_and_a_greatest() -> None:
    row = published(
        {"first": "min(timestamp)", "last": "max(timestamp)"}, [(0, 0, log_line(2.5)), (0, 1, log_line(1.25))]
    )
    assert row["first"] == datetime.fromtimestamp(1.25, UTC)
    assert row["last"] == datetime.fromtimestamp(2.5, UTC)
