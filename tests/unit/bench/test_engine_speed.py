"""How the bench of the engine reckons: commits in, events a second out; tables in, differences out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from support.records import small_spec
from tideline.bench.engine_speed import EngineSpeed, events_per_s
from tideline.bench.same_tables import count_differences
from tideline.engine.publish import published_schema
from tideline.tables.published import write_published
from tideline.tables.schemas import StreamTables

SPEC = small_spec(
    counts={"window": "10 seconds", "keys": ["service"], "measures": {"n": "count", "mean": "avg(response_time)"}}
)


def test_the_first_third_warms_up() -> None:
    assert events_per_s([[(50.0, 100), (60.0, 200), (70.0, 300)]]) == 200 / 20


def test_queries_side_by_side_count_once_and_the_last_one_ends_it() -> None:
    fast = [(10.0, 100), (20.0, 300)]
    slow = [(10.0, 100), (50.0, 300)]
    assert events_per_s([fast, slow]) == (600 - 200) / 40 / 2


def test_where_nothing_was_read_there_is_no_speed() -> None:
    with pytest.raises(ValueError, match="nothing was read"):
        events_per_s([])


def tables(root: Path, *rows: tuple[str | None, int, float]) -> StreamTables:
    found = StreamTables(root)
    schema = published_schema(SPEC, "counts")
    made = [
        dict.fromkeys(schema.names)
        | {"hour": "2026-01-01-00", "window_start": 0, "window_end": 10_000_000, "key": f'["{service}"]'}
        | {"service": service, "n": n, "mean": mean, "is_open": True, "revision": 0, "part_version": 1}
        for service, n, mean in rows
    ]
    write_published(found.published("counts"), pa.Table.from_pylist(made, schema))
    return found


@pytest.mark.parametrize(
    ("other", "differences"),
    [
        ((None, 2, 0.3), 0),
        ((None, 2, 0.3 + 1e-15), 0),
        ((None, 2, 0.31), 1),
        ((None, 3, 0.3), 1),
        (("b", 2, 0.3), 2),
    ],
)
def test_rows_that_differ_are_counted(tmp_path: Path, other: tuple[str | None, int, float], differences: int) -> None:
    ours = tables(tmp_path / "ours", ("a", 1, 0.5), (None, 2, 0.3))
    theirs = tables(tmp_path / "theirs", ("a", 1, 0.5), other)
    assert count_differences(SPEC, ours, theirs) == (2, differences)


def speed(engine_eps: int = 129_000, naive_eps: int = 30_000, differences: int = 0) -> EngineSpeed:
    return EngineSpeed(3_000_000, engine_eps, naive_eps, metrics=8, rows=200_000, differences=differences)


def test_a_script_finds_the_keys_it_relies_on() -> None:
    told = json.loads(json.dumps(speed().as_dict()))
    assert told == {
        "events": 3_000_000, "engine_eps": 129_000, "naive_eps": 30_000, "flink_eps": None, "limit_eps": None,
        "vs_naive": 4.3, "vs_flink": None, "vs_limit": None, "metrics": 8, "rows": 200_000, "differences": 0,
    }  # fmt: skip


def test_what_was_measured_beside_it_has_its_ratio() -> None:
    told = replace(speed(), flink_eps=90_000, limit_eps=390_000).as_dict()
    assert (told["vs_flink"], told["vs_limit"]) == (1.43, 0.33)


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (speed(), True),
        (speed(120_000, 30_000), True),
        (speed(119_999, 30_000), False),
        (speed(differences=1), False),
    ],
)
def test_it_holds_when_it_is_four_times_as_fast_and_no_row_differs(found: EngineSpeed, holds: bool) -> None:
    assert found.holds is holds
    assert (found.as_dict()["vs_naive"] >= 4 and not found.differences) is holds
