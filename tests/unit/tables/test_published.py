from __future__ import annotations

import datetime as dt
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError
from hypothesis import given, settings
from hypothesis import strategies as st

from tideline.errors import UserError
from tideline.tables.delta import Superseded, last_version, stamped
from tideline.tables.published import Claim, clear_stale, read_published, write_published
from tideline.tables.schemas import PUBLISHED_WRITER, TIME

START = dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
SCHEMA = pa.schema(
    [
        ("hour", pa.string()),
        ("window_start", TIME),
        ("window_end", TIME),
        ("key", pa.string()),
        ("n", pa.int64()),
        ("is_open", pa.bool_()),
        ("revision", pa.int64()),
        ("part_version", pa.int64()),
    ]
)


def row(
    n: int, *, part_version: int = 1, revision: int = 0, is_open: bool = True, key: str = "[]", minute: int = 0
) -> pa.Table:
    start = START + minute * MINUTE
    hour = start.strftime("%Y-%m-%d-%H")
    values = [[hour], [start], [start + MINUTE], [key], [n], [is_open], [revision], [part_version]]
    return pa.table(values, schema=SCHEMA)


def rows(*each: pa.Table) -> pa.Table:
    return pa.concat_tables(each)


def found(path: Path) -> pa.Table:
    table = read_published(path)
    assert table is not None
    return table


def _us(at: dt.datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def values(path: Path) -> list[int]:
    return sorted(found(path)["n"].to_pylist())


def commits(path: Path) -> int:
    return DeltaTable(str(path)).version()


OFFERS = pytest.mark.parametrize(
    ("newer", "wins"),
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


@OFFERS
def test_a_row_replaces_another_only_when_made_from_newer_inputs(tmp_path: Path, newer: pa.Table, wins: bool) -> None:
    write_published(tmp_path / "m", row(1))
    assert write_published(tmp_path / "m", newer).changed == int(wins)
    assert values(tmp_path / "m") == [2 if wins else 1]


@OFFERS
def test_a_group_vanishes_by_the_same_rule(tmp_path: Path, newer: pa.Table, wins: bool) -> None:
    write_published(tmp_path / "m", rows(row(1), row(7, key="[1]")))
    assert write_published(tmp_path / "m", newer.slice(0, 0), gone=newer).changed == int(wins)
    assert values(tmp_path / "m") == ([7] if wins else [1, 7])


@OFFERS
def test_a_row_that_is_wrong_gives_way_to_everything(tmp_path: Path, newer: pa.Table, wins: bool) -> None:
    write_published(tmp_path / "m", rows(row(1), row(7, key="[1]")))
    assert write_published(tmp_path / "m", newer, wrong=row(1)).changed == 1
    assert values(tmp_path / "m") == [2, 7]


def test_a_row_told_wrong_that_has_changed_since_keeps_its_right(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(3, part_version=5))
    assert write_published(tmp_path / "m", row(2, part_version=2), wrong=row(1, part_version=4)).changed == 0
    assert values(tmp_path / "m") == [3]


LATER = Claim(after_us=_us(START + 31 * MINUTE), first_version=10, until=20)


@OFFERS
def test_a_stale_row_gives_way_to_everything(tmp_path: Path, newer: pa.Table, wins: bool) -> None:
    write_published(tmp_path / "m", rows(row(1), row(7, key="[1]")))
    everything = Claim(after_us=0, first_version=10, until=20)
    assert write_published(tmp_path / "m", newer, claim=everything).changed == 1
    assert values(tmp_path / "m") == [2, 7]


def test_of_a_generation_that_it_does_not_know_a_writer_touches_nothing(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1, part_version=25), version=25)
    for write in (
        lambda: write_published(tmp_path / "m", row(2, part_version=12, revision=1), claim=LATER),
        lambda: write_published(tmp_path / "m", row(2, part_version=12, revision=1), version=12, claim=LATER),
        lambda: clear_stale(tmp_path / "m", LATER, 9),
    ):
        with pytest.raises(Superseded):
            write()
    assert values(tmp_path / "m") == [1]


def test_a_window_never_opens_again(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1, is_open=False))
    assert write_published(tmp_path / "m", row(2, is_open=True)).changed == 0


def test_a_group_that_was_never_there_vanishes_without_a_commit(tmp_path: Path) -> None:
    assert write_published(tmp_path / "m", row(1).slice(0, 0), gone=row(1)).changed == 0
    assert read_published(tmp_path / "m") is None
    write_published(tmp_path / "m", row(1))
    before = commits(tmp_path / "m")
    assert write_published(tmp_path / "m", row(1).slice(0, 0), gone=row(1, key="[1]")).changed == 0
    assert commits(tmp_path / "m") == before


@pytest.mark.parametrize(("there", "offered"), [((1, 1), (2, 0)), ((2, 0), (1, 1))])
@pytest.mark.parametrize("vanishes", [False, True])
def test_groups_of_which_each_side_knows_something_are_named(
    tmp_path: Path, there: tuple[int, int], offered: tuple[int, int], vanishes: bool
) -> None:
    write_published(tmp_path / "m", row(1, part_version=there[0], revision=there[1], key="[1]"))
    group = row(2, part_version=offered[0], revision=offered[1], key="[1]")
    new = row(3, part_version=9)
    result = write_published(tmp_path / "m", new if vanishes else rows(group, new), gone=group if vanishes else None)
    assert result.changed == 1
    (undecided,) = result.undecided.to_pylist()
    group = {"window_start": START, "window_end": START + MINUTE, "key": "[1]"}
    assert undecided == group | {"part_version": there[0], "revision": there[1]}
    assert values(tmp_path / "m") == [1, 3]


def test_publishing_twice_commits_once(tmp_path: Path) -> None:
    both = rows(row(1, key="[1]"), row(2, key="[null]"), row(3, minute=90))
    assert write_published(tmp_path / "m", both).changed == 3
    before = commits(tmp_path / "m")
    assert write_published(tmp_path / "m", both).changed == 0
    assert (values(tmp_path / "m"), commits(tmp_path / "m")) == ([1, 2, 3], before)


def test_only_the_hours_that_change_are_written(tmp_path: Path) -> None:
    hours = rows(row(1), row(2, minute=60), row(3, minute=120))
    write_published(tmp_path / "m", hours)
    before = set(DeltaTable(str(tmp_path / "m")).file_uris())
    write_published(tmp_path / "m", rows(row(1), row(5, minute=60, part_version=2), row(4, minute=180)))
    after = set(DeltaTable(str(tmp_path / "m")).file_uris())
    assert values(tmp_path / "m") == [1, 3, 4, 5]
    assert [len(before - after), len(after - before)] == [1, 2]
    assert ["hour=2026-01-01-11" in uri for uri in before - after] == [True]


def test_a_new_generation_clears_what_it_takes_over_and_nothing_of_its_own(tmp_path: Path) -> None:
    old = [row(n, part_version=9, revision=3, minute=n * 30) for n in range(5)]
    write_published(tmp_path / "m", rows(*old, row(10, part_version=11, minute=120, key="[1]")))
    assert clear_stale(tmp_path / "m", LATER, 9) == 3
    assert values(tmp_path / "m") == [0, 1, 10]
    before = commits(tmp_path / "m")
    assert clear_stale(tmp_path / "m", LATER, 9) == 0
    assert commits(tmp_path / "m") == before


def test_who_does_not_know_the_generation_is_kept_out_even_where_nothing_was_cleared(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1), version=8)
    assert clear_stale(tmp_path / "m", LATER, 9) == 0
    with pytest.raises(Superseded):
        write_published(tmp_path / "m", row(2, part_version=8), version=8, claim=Claim(0, 0, until=9))
    assert clear_stale(tmp_path / "never", LATER, 9) == 0


def test_an_hour_emptied_is_gone(tmp_path: Path) -> None:
    write_published(tmp_path / "m", rows(row(1), row(2, minute=60)))
    assert clear_stale(tmp_path / "m", LATER, 9) == 1
    assert values(tmp_path / "m") == [1]


def test_a_group_offered_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="offered twice"):
        write_published(tmp_path / "m", rows(row(1), row(2)))
    with pytest.raises(ValueError, match="offered twice"):
        write_published(tmp_path / "m", row(1), gone=row(2))


def test_columns_of_a_changed_spec_are_added_and_dropped_ones_are_null(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1))
    wider = row(2, key="[1]").append_column("s", pa.array([["x"]], pa.list_(pa.string())))
    assert write_published(tmp_path / "m", wider.drop_columns(["n"])).changed == 1
    table = found(tmp_path / "m").sort_by("n")
    assert table.select(["n", "s"]).to_pylist() == [{"n": 1, "s": None}, {"n": None, "s": ["x"]}]


def test_a_column_keeps_its_type(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1))
    other = row(2).set_column(4, "n", pa.array([2.5]))
    with pytest.raises(UserError, match="table 'm': column 'n' holds int64, the spec now makes it double") as caught:
        write_published(tmp_path / "m", other)
    assert caught.value.fix.startswith("rename the measure or the metric")
    assert values(tmp_path / "m") == [1]


def test_only_the_driver_moves_the_published_version_and_never_back(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1), version=7)
    write_published(tmp_path / "m", row(2, revision=1))
    write_published(tmp_path / "m", row(3, revision=2), version=6)
    assert last_version(tmp_path / "m", PUBLISHED_WRITER) == 7


def test_a_batch_is_not_published_while_a_group_of_it_is_undecided(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(1, revision=1), version=7)
    write_published(tmp_path / "m", rows(row(2, part_version=8), row(3, key="[1]", part_version=8)), version=8)
    assert last_version(tmp_path / "m", PUBLISHED_WRITER) == 7


def test_the_version_outlives_checkpoints_of_the_log(tmp_path: Path) -> None:
    write_published(tmp_path / "m", row(0), version=7)
    for n in range(1, 50):
        write_published(tmp_path / "m", row(n, revision=n))
    assert last_version(tmp_path / "m", PUBLISHED_WRITER) == 7
    assert len(list((tmp_path / "m" / "_delta_log").glob("*.checkpoint.parquet"))) >= 2


def test_a_table_that_was_never_published_reads_as_none(tmp_path: Path) -> None:
    assert read_published(tmp_path / "m") is None


def _append(path: Path, offered: pa.Table) -> None:
    write_deltalake(str(path), offered, mode="append")


def _overwrite(path: Path, offered: pa.Table) -> None:
    write_deltalake(str(path), offered, mode="overwrite", predicate=f"hour in ('{offered['hour'][0]}')")


@pytest.mark.parametrize("other", [_append, _overwrite])
@pytest.mark.parametrize("minute", [0, 60, 120], ids=["the same hour", "another hour", "a new hour"])
def test_delta_rs_refuses_an_overwrite_after_any_commit_in_between(
    tmp_path: Path, other: Callable[[Path, pa.Table], None], minute: int
) -> None:
    """The fact that the writer stands on."""
    path = tmp_path / "m"
    write_published(path, rows(row(1), row(2, minute=60)))
    handle = DeltaTable(str(path))
    other(path, row(3, minute=minute, key="[1]"))
    with pytest.raises(CommitFailedError):
        write_deltalake(
            handle,
            row(9),
            mode="overwrite",
            predicate="hour in ('2026-01-01-10')",
            commit_properties=stamped(PUBLISHED_WRITER, 1),
        )


def test_writers_in_threads_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m"
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for n in range(1, 11):
                shared = row(n * 10 + writer, part_version=n * 10 + writer, key="[0]")
                write_published(path, rows(shared, row(n, key=f"[{writer}{n}]", minute=n)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    table = found(path)
    assert len(table) == 31
    assert table.filter(pc.equal(table["key"], "[0]"))["n"].to_pylist() == [103]


Step = tuple[int, int, bool]
STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=8)


class Publisher:
    """Computes a group from all inputs it knows, and again from all that anybody knows where it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = (0, 0, True)

    def offer(self, part_version: int, revision: int, is_open: bool) -> None:
        self.known = (
            max(self.known[0], part_version), max(self.known[1], revision), self.known[2] and is_open,
        )  # fmt: skip
        offered = row(part_version * 10 + revision, part_version=part_version, revision=revision, is_open=is_open)
        if len(write_published(self.path, offered).undecided):
            best = partial(row, self.known[0] * 10 + self.known[1], part_version=self.known[0])
            assert not len(write_published(self.path, best(revision=self.known[1], is_open=self.known[2])).undecided)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_any_order_of_writers_leaves_the_row_of_all_inputs(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        publisher = Publisher(Path(folder) / "m")
        for step in steps:
            publisher.offer(*step)
        last: dict[str, Any] = found(publisher.path).to_pylist()[0]
        assert (last["part_version"], last["revision"]) == (max(s[0] for s in steps), max(s[1] for s in steps))
        assert last["n"] == last["part_version"] * 10 + last["revision"]
