"""How the bench of the engine reckons: commits in, events a second out; tables in, differences out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from support.records import small_spec
from tideline.bench.engine_speed import events_per_s
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
