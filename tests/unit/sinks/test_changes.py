"""What a look at a published table tells beside the look before, whatever was committed and cleaned away in between."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from tideline.tables.changes import Changes, changes_since, seen_now
from tideline.tables.published import read_published, write_published
from tideline.tables.schemas import TIME

START = dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC)
SCHEMA = pa.schema(
    [
        ("hour", pa.string()),
        ("window_start", TIME),
        ("window_end", TIME),
        ("key", pa.string()),
        ("n", pa.int64()),
        ("names", pa.list_(pa.string())),
        ("is_open", pa.bool_()),
        ("revision", pa.int64()),
        ("part_version", pa.int64()),
    ]
)


def row(n: int, part_version: int, *, key: str = "[]", hour: int = 0, revision: int = 0) -> pa.Table:
    start = START + hour * dt.timedelta(hours=1)
    fields: dict[str, Any] = {
        "hour": start.strftime("%Y-%m-%d-%H"),
        "window_start": start,
        "window_end": start + dt.timedelta(minutes=1),
        "key": key,
        "n": n,
        "names": ["a", str(n)],
        "is_open": False,
        "revision": revision,
        "part_version": part_version,
    }
    return pa.Table.from_pylist([fields], schema=SCHEMA)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metric"


def told(changes: Changes | None) -> list[tuple[str, int]]:
    return [] if changes is None else sorted(zip(*(changes.rows[c].to_pylist() for c in ("key", "n")), strict=True))


def test_the_first_look_sees_all_and_the_next_what_changed(path: Path) -> None:
    assert changes_since(path, None) is None
    assert seen_now(path) is None
    write_published(path, pa.concat_tables([row(1, 1, key='["a"]'), row(2, 1, key='["b"]')]))
    first = changes_since(path, None)
    assert first is not None and told(first) == [('["a"]', 1), ('["b"]', 2)]
    assert changes_since(path, first.seen) is None
    write_published(path, row(5, 2, key='["a"]'))
    write_published(path, row(7, 2, key='["c"]', hour=1))
    later = changes_since(path, first.seen)
    assert later is not None and told(later) == [('["a"]', 5), ('["c"]', 7)]
    assert len(later.gone) == 0


def test_a_row_that_is_gone_is_told_by_its_group(path: Path) -> None:
    write_published(path, pa.concat_tables([row(1, 1, key='["a"]'), row(2, 1, key='["b"]')]))
    before = seen_now(path)
    write_published(path, SCHEMA.empty_table(), gone=row(0, 2, key='["b"]'))
    changes = changes_since(path, before)
    assert changes is not None and told(changes) == []
    assert changes.gone["key"].to_pylist() == ['["b"]']


def test_a_hour_that_is_written_anew_as_it_was_tells_nothing(path: Path) -> None:
    write_published(path, row(1, 1, key='["a"]'))
    before = seen_now(path)
    write_published(path, row(2, 1, key='["b"]'))
    write_published(path, SCHEMA.empty_table(), gone=row(0, 2, key='["b"]'))
    changes = changes_since(path, before)
    assert changes is not None and (told(changes), len(changes.gone)) == ([], 0)


def test_a_version_that_was_cleaned_away_has_what_was_written_since_told_again(path: Path) -> None:
    write_published(path, row(1, 1, key='["a"]'))
    before = seen_now(path)
    assert before is not None
    write_published(path, row(2, 2, key='["b"]'))
    table = DeltaTable(str(path))
    table.create_checkpoint()
    for entry in (path / "_delta_log").glob("*.json"):
        if int(entry.stem) < table.version():
            entry.unlink()
    assert told(changes_since(path, before)) == [('["a"]', 1), ('["b"]', 2)]


def test_files_that_were_vacuumed_count_as_empty(path: Path) -> None:
    write_published(path, row(1, 1, key='["a"]'))
    before = seen_now(path)
    files = {file for file in path.rglob("*.parquet") if "_delta_log" not in file.parts}
    write_published(path, row(2, 2, key='["b"]'))
    for file in files:
        file.unlink()
    assert told(changes_since(path, before)) == [('["a"]', 1), ('["b"]', 2)]


def test_another_table_of_the_name_is_told_whole(path: Path) -> None:
    write_published(path, row(1, 1))
    write_published(path, row(2, 2))
    before = seen_now(path)
    shutil.rmtree(path)
    write_published(path, row(9, 1))
    assert told(changes_since(path, before)) == [("[]", 9)]


def test_a_column_that_a_spec_adds_makes_rows_of_its_hours_new(path: Path) -> None:
    write_published(path, pa.concat_tables([row(1, 1, key='["a"]'), row(1, 1, key='["b"]')]))
    before = seen_now(path)
    wider = row(2, 2, key='["b"]')
    write_published(path, wider.append_column("m", pa.array([3], pa.int64())))
    changes = changes_since(path, before)
    assert told(changes) == [('["b"]', 2)]


steps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 9), st.booleans(), st.booleans()),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_whoever_follows_the_changes_has_the_table(tmp_path_factory: pytest.TempPathFactory, acts: Any) -> None:
    path = tmp_path_factory.mktemp("table") / "metric"
    copy: dict[tuple[Any, str], int] = {}
    seen = None
    for version, (hour, key, n, is_removal, looks) in enumerate(acts, 1):
        one = row(n, version, key=key, hour=hour)
        write_published(path, one.slice(0, 0) if is_removal else one, gone=one if is_removal else None)
        changes = changes_since(path, seen) if looks else None
        if changes is not None:
            seen = changes.seen
            for start, gone in zip(*(changes.gone[c].to_pylist() for c in ("window_start", "key")), strict=True):
                del copy[start, gone]
            for each in changes.rows.to_pylist():
                copy[each["window_start"], each["key"]] = each["n"]
    last = changes_since(path, seen)
    if last is not None:
        for start, gone in zip(*(last.gone[c].to_pylist() for c in ("window_start", "key")), strict=True):
            del copy[start, gone]
        copy |= {(each["window_start"], each["key"]): each["n"] for each in last.rows.to_pylist()}
    table = read_published(path)
    rows = [] if table is None else table.to_pylist()
    assert copy == {(each["window_start"], each["key"]): each["n"] for each in rows}
