"""The engine against the oracle: plain Python that shares no code with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pytest

from oracle.events import Record, Reject
from oracle.parsing import parse
from oracle.tables import expected
from support.against_oracle import same
from support.edges import EDGES
from support.real_logs import real_log
from support.records import log_metrics
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.produce.traffic import Traffic
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import TIME, correction_schema

NOW_MS = 1_795_000_000_000
FIELDS = ("level", "service", "message", "ip_address", "user_id", "request_id", "error_code")


def traffic(seed: int, count: int) -> list[bytes | None]:
    events = Traffic(seed, 500, NOW_MS - 7_200_000, malformed_share=0.2, late_share=0.1, future_share=0.02)
    return [event.value for event in islice(events, count)]


def at(values: Sequence[bytes | None]) -> pa.Table:
    table = records(values)
    return table.set_column(2, "timestamp", pa.array([NOW_MS * 1000] * len(values), TIME))


def engine_says(values: Sequence[bytes | None]) -> list[Any]:
    """A reject's reason, or an event's values, in the order of the records."""
    engine = Engine(log_metrics(), every_column=True)
    engine.load(at(values))
    rows = engine.parsed().sort_by("_offset").to_pylist()
    return [
        row["_reason"] or (row["_t"], _millionths(row["response_time"]), row["status_code"], *(row[f] for f in FIELDS))
        for row in rows
    ]


def oracle_says(values: Sequence[bytes | None]) -> list[Any]:
    found = [parse(value, NOW_MS, log_metrics().source.max_future) for value in values]
    return [
        event.reason
        if isinstance(event, Reject)
        else (event.time_us, event.response_time, event.status_code, *(getattr(event, f) for f in FIELDS))
        for event in found
    ]


def _millionths(value: Any) -> int | None:
    return None if value is None else int(value * 1_000_000)


def differing(values: Sequence[bytes | None]) -> list[Any]:
    said = zip(values, engine_says(values), oracle_says(values), strict=True)
    return [row for row in said if row[1] != row[2]]


def test_edge_cases_are_parsed_alike() -> None:
    assert differing(EDGES) == []


def test_records_at_the_greatest_length_are_parsed_alike() -> None:
    shapes = [b'{"timestamp": 1}', b'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1', b"\xff"]
    assert differing([shape.ljust(size) for shape in shapes for size in (1_000_000, 1_000_001)]) == []


@pytest.mark.parametrize("seed", range(2))
def test_traffic_is_parsed_alike(seed: int) -> None:
    assert differing(traffic(seed, 2_000)) == []


@pytest.mark.parametrize("name", ["apache_access.log", "nasa_access.log"])
def test_real_logs_are_parsed_alike(name: str) -> None:
    assert differing(real_log(name)) == []


def engine_tables(spec: StreamSpec, values: Sequence[bytes | None]) -> dict[str, dict[Any, dict[str, Any]]]:
    engine, publisher = Engine(spec), Publisher(spec)
    engine.load(at(values))
    groups = engine.merge(engine.cells())
    groups = groups.append_column("version", pa.repeat(pa.scalar(1), len(groups)))
    groups = groups.append_column("batch_at", pa.repeat(pa.scalar(0, TIME), len(groups)))
    merged = publisher.merge(groups, correction_schema(engine.slots).empty_table())
    return {
        name: {
            (round(row["window_start"].timestamp() * 1000), tuple(row[key] for key in spec.metrics[name].keys)): row
            for row in rows.to_pylist()
        }
        for name, rows in publisher.finish(merged, 0).items()
    }


def unequal(values: Sequence[bytes | None]) -> list[Any]:
    spec = log_metrics()
    found, wanted = engine_tables(spec, values), expected([Record(value, NOW_MS) for value in values], spec)
    assert {name: set(rows) for name, rows in found.items()} == {name: set(rows) for name, rows in wanted.items()}
    return [
        (name, group, column, found[name][group][column], value)
        for name, rows in wanted.items()
        for group, row in rows.items()
        for column, value in row.items()
        if not same(found[name][group][column], value)
    ]


@pytest.mark.parametrize("seed", range(2))
def test_the_tables_of_traffic_are_those_of_the_oracle(seed: int) -> None:
    assert unequal(traffic(seed, 2_000)) == []


@pytest.mark.parametrize("name", ["apache_access.log", "nasa_access.log"])
def test_the_tables_of_real_logs_are_those_of_the_oracle(name: str) -> None:
    assert unequal(real_log(name)) == []
