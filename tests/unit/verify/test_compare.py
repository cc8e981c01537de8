from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player, records
from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.tables.published import read_published
from tideline.tables.schemas import TIME, correction_schema
from tideline.verify import verify_tables
from tideline.verify.compare import compare
from tideline.verify.report import MetricReport

LINES = (log_line(1), log_line(2, "b"), log_line(12))


@pytest.fixture
def found(tmp_path: Path) -> pa.Table:
    player = Player(tmp_path, small_spec())
    player.play(*LINES)
    rows = read_published(player.tables.published("counts"))
    assert rows is not None
    return rows


@pytest.fixture
def expected() -> pa.Table:
    engine, publisher = Engine(small_spec()), Publisher(small_spec())
    engine.load(records(LINES))
    groups = engine.merge(engine.cells())
    groups = groups.append_column("version", pa.repeat(pa.scalar(1), len(groups)))
    groups = groups.append_column("batch_at", pa.repeat(pa.scalar(0, TIME), len(groups)))
    merged = publisher.merge(groups, correction_schema(engine.slots).empty_table())
    return publisher.finish(merged, 0)["counts"]


def changed(rows: pa.Table, at: int, **values: Any) -> pa.Table:
    listed = rows.to_pylist()
    listed[at] |= values
    return pa.Table.from_pylist(listed, schema=rows.schema)


def told(report: MetricReport) -> list[tuple[str, str | None, str | None]]:
    return [(d.column, d.expected, d.found) for d in report.shown]


def test_equal_tables_have_no_differences(expected: pa.Table, found: pa.Table) -> None:
    report = compare("counts", expected, found)
    assert (report.windows, report.rows, report.differences) == (2, 3, 0)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("request_count", 7, "7"), ("is_open", False, "false"), ("revision", 3, "3"), ("service", "x", "x")],
)
def test_a_changed_value_is_named(expected: pa.Table, found: pa.Table, column: str, value: Any, said: str) -> None:
    report = compare("counts", expected, changed(found, 0, **{column: value}))
    assert [(c, f) for c, _, f in told(report)] == [(column, said)]


def test_a_missing_row_is_named(expected: pa.Table, found: pa.Table) -> None:
    assert told(compare("counts", expected, found.slice(1))) == [("*", "a row", None)]


def test_a_row_too_many_is_named(expected: pa.Table, found: pa.Table) -> None:
    assert told(compare("counts", expected.slice(1), found))[0][1:] == (None, "a row")


def test_a_doubled_row_is_named(expected: pa.Table, found: pa.Table) -> None:
    doubled = pa.concat_tables([found, found.slice(0, 1)])
    assert told(compare("counts", expected, doubled)) == [("*", "1 row", "2 rows")]


def test_no_table_at_all_lacks_every_row(expected: pa.Table) -> None:
    assert compare("counts", expected, None).differences == 3


def test_a_window_that_waits_for_a_reconciliation_is_pending(expected: pa.Table, found: pa.Table) -> None:
    report = compare(
        "counts",
        expected,
        changed(found, 0, request_count=7),
        frozenset({("counts", 10_000_000), ("counts", 20_000_000)}),
    )
    assert (report.differences, report.pending) == (0, 1)


def test_a_new_measure_of_which_no_row_is_published_yet_is_no_error(tmp_path: Path) -> None:
    metric = {"window": "10 seconds", "keys": ["service"], "where": "status_code >= 400"}
    first = Player(tmp_path, small_spec(counts=metric | {"measures": {"request_count": "count"}}))
    first.play(log_line(1, status_code=500), log_line(100, status_code=200))
    first.play()
    measures = {"request_count": "count", "slowest": "max(response_time)"}
    second = Player(tmp_path, small_spec(counts=metric | {"measures": measures}), 2, log=first.log)
    assert verify_tables(second.tables, second.spec, second.read).holds
