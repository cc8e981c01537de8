from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from tideline.tables.delta import last_version
from tideline.tables.published import read_published, write_published
from tideline.tables.schemas import PUBLISHED_WRITER, TIME

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SCHEMA = pa.schema(
    [
        ("day", pa.string()),
        ("window_start", TIME),
        ("key", pa.string()),
        ("n", pa.int64()),
        ("window_end", TIME),
        ("is_open", pa.bool_()),
        ("revision", pa.int64()),
        ("part_version", pa.int64()),
    ]
)


def row(n: int, *, part_version: int = 1, revision: int = 0, is_open: bool = True, key: str = "[]") -> pa.Table:
    values = [["2026-01-01"], [START], [key], [n], [START], [is_open], [revision], [part_version]]
    return pa.table(values, schema=SCHEMA)


def values(path: Path) -> list[int]:
    table = read_published(path)
    assert table is not None
    found: list[int] = sorted(table["n"].to_pylist())
    return found


@pytest.mark.parametrize(
    ("newer", "replaces"),
    [
        (row(2, part_version=2), True),
        (row(2, part_version=1, revision=1), True),
        (row(2, is_open=False), True),
        (row(2), False),
        (row(2, part_version=0), False),
        (row(2, part_version=0, revision=1), False),
    ],
    ids=["newer part", "more corrections", "closed", "same inputs", "older part", "ahead in one, behind in the other"],
)
def test_a_row_replaces_another_only_when_made_from_newer_inputs(
    tmp_path: Path, newer: pa.Table, replaces: bool
) -> None:
    write_published(tmp_path / "m", row(1))
    assert write_published(tmp_path / "m", newer).changed == int(replaces)
    assert values(tmp_path / "m") == [2 if replaces else 1]


def test_publishing_twice_changes_nothing(tmp_path: Path) -> None:
    both = pa.concat_tables([row(1, key="[1]"), row(2, key="[null]")])
    assert [write_published(tmp_path / "m", both).changed for _ in range(2)] == [2, 0]
    assert values(tmp_path / "m") == [1, 2]


def test_only_the_driver_moves_the_published_version(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1), version=7)
    write_published(tmp_path / "m", row(2, revision=1))
    assert last_version(tmp_path / "m", PUBLISHED_WRITER) == 7


def test_a_table_that_was_never_published_reads_as_none(tmp_path: Path) -> None:
    assert read_published(tmp_path / "m") is None
