"""Generations: the same spec goes on, a changed one takes over what was open, what was lost does not count twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from support.records import log_line, small_spec
from tideline.backfill import recompute_windows, windows_between
from tideline.begin import Start, begin_generation, require_deployable
from tideline.bench.player import RECORDED_MS, Player
from tideline.errors import UserError
from tideline.offset_ranges import OffsetRanges
from tideline.reconcile import reconcile_books
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_cuts, read_overrides
from tideline.tables.delta import Superseded
from tideline.tables.publication import Publication
from tideline.tables.published import read_published, write_published
from tideline.tables.schemas import TIME
from tideline.verify import verify_tables
from tideline.verify.report import VerifyReport

COUNT = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}


def next_generation(player: Player, spec: StreamSpec | None = None) -> Player:
    """Another driver with a checkpoint of its own."""
    return Player(player.root, spec or player.spec, player.generation + 1, log=player.log)


def verified(player: Player) -> VerifyReport:
    return verify_tables(player.tables, player.spec, player.read)


def rows(player: Player, metric: str = "counts") -> list[tuple[Any, ...]]:
    table = read_published(player.tables.published(metric))
    assert table is not None
    found = ((round(row["window_start"].timestamp()), row["key"], row["request_count"]) for row in table.to_pylist())
    return sorted(found)


def played(root: Path) -> Player:
    """Windows [0, 10) and [10, 20) closed with one late event; [30, 40) and [50, 60) open."""
    player = Player(root, small_spec())
    player.play(log_line(5), log_line(15, "b"), log_line(35))
    player.play(log_line(41))
    player.play(log_line(6), log_line(52))
    return player


def test_a_generation_of_the_same_spec_goes_on_where_the_ledger_ends(tmp_path: Path) -> None:
    first = played(tmp_path)
    second = next_generation(first)
    second.play(log_line(36), log_line(7))  # its watermark is 0: it accepts what would have been late
    reconcile_books(second.books)
    assert (0, '["a"]', 3) in rows(second)
    assert verified(second).holds
    assert [cut.starts for cut in read_cuts(second.tables)] == [{0: 0}, {0: 6}]


def test_a_window_once_closed_stays_closed_in_a_new_generation(tmp_path: Path) -> None:
    second = next_generation(played(tmp_path))
    second.play(log_line(8))
    table = read_published(second.tables.published("counts"))
    assert table is not None
    assert {row["window_start"].timestamp(): row["is_open"] for row in table.to_pylist()}[0] is False
    assert verified(second).holds


def test_the_driver_of_an_older_generation_is_kept_out_by_the_cut(tmp_path: Path) -> None:
    first = played(tmp_path)
    next_generation(first)
    with pytest.raises(Superseded):
        first.play(log_line(60))


@pytest.mark.parametrize(
    "changed",
    [
        small_spec(counts=COUNT | {"keys": ["service", "level"]}),
        small_spec(counts=COUNT | {"window": "20 seconds"}),
        small_spec(counts=COUNT | {"slide": "5 seconds"}),
        small_spec(counts=COUNT | {"watermark": "40 seconds"}),
        small_spec(counts=COUNT, more=COUNT | {"keys": []}),
        small_spec(other=COUNT),
        small_spec(counts=COUNT | {"measures": {"request_count": "count", "users": "count_distinct(user_id)"}}),
    ],
    ids=["keys", "window", "slide", "delay", "metric added", "metric renamed", "measure added"],
)
def test_a_changed_spec_owns_what_was_open_and_the_one_before_what_was_closed(
    tmp_path: Path, changed: StreamSpec
) -> None:
    first = played(tmp_path)
    second = next_generation(first, changed)
    assert verified(second).pinned == first_row(first)
    second.play(log_line(36, user_id="u"), log_line(7), log_line(53, level="x"))
    second.play(log_line(90))
    second.play(log_line(8), log_line(34), log_line(95))
    reconcile_books(second.books)
    report = verified(second)
    assert report.holds, report.as_dict()
    assert (0, '["a"]', 4) in rows(second)  # 5, 6 by the first spec's driver and its correction; 7, 8 by corrections
    assert reconcile_books(second.books).rows_published == 0


def first_row(player: Player) -> Any:
    return player.books.ledger[2]


def test_what_the_old_spec_had_open_is_removed_and_computed_again(tmp_path: Path) -> None:
    first = played(tmp_path)
    second = next_generation(first, small_spec(counts=COUNT | {"keys": []}))
    assert rows(second) == [(0, '["a"]', 1), (10, '["b"]', 1), (30, "[]", 1), (40, "[]", 1), (50, "[]", 1)]


def test_parts_whose_ledger_row_is_lost_do_not_count_twice(tmp_path: Path) -> None:
    first = played(tmp_path)
    DeltaTable(str(first.tables.parts)).delete("kind = 'ledger' and version >= 4294967298")
    second = next_generation(first)
    assert read_cuts(second.tables)[-1].starts == {0: 4}
    second.play(*first.log[4:])
    second.log[:] = first.log[:6]
    reconcile_books(second.books)
    assert verified(second).holds


def test_a_backfill_finds_what_was_late_and_later_corrections_come_on_top(tmp_path: Path) -> None:
    player = played(tmp_path)
    windows = windows_between(player.eras, player.books.ledger, 0, 20_000_000)
    result = recompute_windows(player.books, windows)
    assert (result.windows, result.groups, result.rows_changed) == (2, 2, 2)
    assert (0, '["a"]', 2) in rows(player)
    reconcile_books(player.books)  # its correction is in the override already
    assert (0, '["a"]', 2) in rows(player)
    player.play(log_line(7), log_line(53))
    reconcile_books(player.books)
    assert (0, '["a"]', 3) in rows(player)
    assert verified(player).holds


def test_a_backfill_leaves_open_windows_to_the_stream(tmp_path: Path) -> None:
    player = played(tmp_path)
    result = recompute_windows(player.books, frozenset({("counts", 60_000_000)}))
    assert (result.windows, result.open_windows) == (0, 1)
    assert len(read_overrides(player.tables, player.spec)) == 0


def test_a_backfill_takes_away_a_group_that_has_no_event(tmp_path: Path) -> None:
    player = played(tmp_path)
    player.log[1] = b"not a log line any more"
    recompute_windows(player.books, frozenset({("counts", 20_000_000)}))
    assert [row for row in rows(player) if row[0] == 10] == []


def test_a_column_that_would_change_its_type_is_refused_before_the_cut(tmp_path: Path) -> None:
    first = played(tmp_path)
    averages = small_spec(counts=COUNT | {"measures": {"request_count": "avg(response_time)"}})
    with pytest.raises(UserError, match="'request_count' holds int64, the spec now makes it double"):
        next_generation(first, averages)
    assert len(read_cuts(first.tables)) == 1


def test_a_reject_that_kafka_lost_is_recomputed_from_its_kept_bytes(tmp_path: Path) -> None:
    guarded = small_spec()
    guarded = guarded.model_copy(update={"source": guarded.source.model_copy(update={"max_future": 0})})
    first = Player(tmp_path, guarded)
    ahead = RECORDED_MS // 1000 + 5
    first.play(log_line(5), log_line(ahead, "b"))
    assert first.books.ledger[0].rejects == 1
    second = next_generation(first, small_spec())  # its guard lets the record through, and Kafka has lost it

    def without_it(ranges: OffsetRanges) -> Iterator[pa.Table]:
        assert all(not start <= 1 < end for start, end in ranges.get(0, []))
        yield from second.read(ranges)

    recompute_windows(replace(second.books, read=without_it), frozenset())
    assert (ahead // 10 * 10, '["b"]', 1) in rows(second)


def test_a_reconciler_that_did_not_see_the_cut_leaves_nothing_of_the_old_spec(tmp_path: Path) -> None:
    first = played(tmp_path)
    before = Publication(first.tables, first.eras)
    second = next_generation(first, small_spec(counts=COUNT | {"keys": []}))
    expected = rows(second)
    open_then = pa.table({"metric": ["counts"], "window_end": pa.array([60_000_000]).cast(TIME), "key": ['["a"]']})
    before.publish(open_then)
    assert rows(second) == expected


def test_a_rebuild_that_failed_is_made_up_for_by_the_next_generation(tmp_path: Path) -> None:
    first, changed = played(tmp_path), small_spec(counts=COUNT | {"keys": []})

    def no_broker(_: OffsetRanges) -> Iterator[pa.Table]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        begin_generation(first.tables, Start(2, changed, "id", {0: 0}, 1), no_broker)
    third = Player(tmp_path, changed, 3, log=first.log)
    third.play(log_line(53))
    reconcile_books(third.books)
    assert verified(third).holds
    assert [row for row in rows(third) if row[0] >= 30] == [(30, "[]", 1), (40, "[]", 1), (50, "[]", 2)]


def test_a_spec_that_closed_nothing_takes_nothing_over_from_the_next(tmp_path: Path) -> None:
    first = played(tmp_path)
    second = next_generation(first, small_spec(counts=COUNT | {"keys": []}))
    third = Player(tmp_path, first.spec, 3, log=second.log)
    assert [cut.bound_us for cut in read_cuts(third.tables)][1:] == [31_000_000, 31_000_000]
    third.play(log_line(8), log_line(54))
    reconcile_books(third.books)
    assert verified(third).holds


def test_books_opened_before_a_cut_leave_the_new_generations_batches_alone(tmp_path: Path) -> None:
    first = played(tmp_path)
    before = first.books
    second = next_generation(first)
    second.play(log_line(70))
    second.play(log_line(9), log_line(80))
    second.play(log_line(81))
    reconcile_books(before)
    reconcile_books(second.books)
    assert verified(second).holds


def test_what_the_last_driver_committed_and_did_not_publish_is_in_the_windows_that_stay(tmp_path: Path) -> None:
    first = Player(tmp_path, small_spec())
    first.play(log_line(5), log_line(15))
    first.play(log_line(16), log_line(60))
    first.play(log_line(61), publish=False)  # it closes [0, 10) and [10, 20): a kill came before the tables
    second = next_generation(first, small_spec(counts=COUNT | {"keys": []}))
    assert [row for row in rows(second) if row[0] < 20] == [(0, '["a"]', 1), (10, '["a"]', 2)]
    report = verified(second)
    assert report.holds, report.as_dict()


def test_the_unpublished_batch_of_a_driver_before_one_that_never_read_is_there_too(tmp_path: Path) -> None:
    first = Player(tmp_path, small_spec())
    first.play(log_line(5), log_line(15))
    first.play(log_line(16), log_line(60), publish=False)
    first.play(log_line(61), publish=False)
    second = next_generation(first, small_spec(counts=COUNT | {"keys": []}))
    third = Player(tmp_path, small_spec(counts=COUNT | {"keys": ["level"]}), 3, log=second.log)
    third.play(log_line(62))
    report = verified(third)
    assert report.holds, report.as_dict()


def test_a_backfill_leaves_to_a_new_generation_what_it_still_counts(tmp_path: Path) -> None:
    first = played(tmp_path)
    second = next_generation(first)
    second.play(log_line(7))  # [0, 10) is closed, but its own watermark is 0
    result = recompute_windows(second.books, frozenset({("counts", 10_000_000)}))
    assert result.windows == 1
    assert (0, '["a"]', 3) in rows(second)
    second.play(log_line(8), log_line(70))
    assert (0, '["a"]', 4) in rows(second)
    second.play(log_line(71))
    second.play(log_line(9), log_line(72))  # now it has passed: late
    reconcile_books(second.books)
    assert (0, '["a"]', 5) in rows(second)
    assert verified(second).holds
    recompute_windows(second.books, frozenset({("counts", 10_000_000)}))
    assert (0, '["a"]', 5) in rows(second)
    assert verified(second).holds


def test_a_driver_that_wakes_in_the_middle_of_a_rebuild_takes_nothing_from_the_one_that_runs(tmp_path: Path) -> None:
    first = played(tmp_path)
    changed = small_spec(counts=COUNT | {"keys": []})
    runs: list[Player] = []

    def held_up(ranges: OffsetRanges) -> Iterator[pa.Table]:
        if not runs:
            runs.append(next_generation(first, changed))
            runs[0].play(log_line(53), log_line(54))
        yield from runs[0].read(ranges)

    begin_generation(first.tables, Start(2, changed, "id", {0: 0}, 1), held_up)
    assert (50, "[]", 3) in rows(runs[0])
    assert len(read_overrides(first.tables, changed)) == 3
    runs[0].play(log_line(90))
    assert verified(runs[0]).holds


def test_a_driver_that_wakes_in_the_middle_of_a_rebuild_after_the_next_generation_began_ends(tmp_path: Path) -> None:
    first = played(tmp_path)
    changed, other = small_spec(counts=COUNT | {"keys": []}), small_spec(counts=COUNT | {"keys": ["level"]})
    runs: list[Player] = []

    def held_up(ranges: OffsetRanges) -> Iterator[pa.Table]:
        if not runs:
            runs.append(Player(tmp_path, other, 3, log=first.log))
            runs[0].play(log_line(53), log_line(54))
        yield from runs[0].read(ranges)

    with pytest.raises(Superseded):
        begin_generation(first.tables, Start(2, changed, "id", {0: 0}, 1), held_up)
    assert verified(runs[0]).holds


def test_the_driver_before_publishes_nothing_into_windows_that_are_taken_over(tmp_path: Path) -> None:
    first = played(tmp_path)
    planned = first.plan({0: [log_line(53)]})
    first.commit(planned)
    second = next_generation(first, small_spec(counts=COUNT | {"keys": []}))
    before = rows(second)
    with pytest.raises(Superseded):
        first.publish(planned)
    assert rows(second) == before


def test_rows_that_an_old_spec_left_in_windows_taken_over_give_way(tmp_path: Path) -> None:
    first = played(tmp_path)
    reconcile_books(first.books)
    stale = read_published(first.tables.published("counts"))
    assert stale is not None
    second = next_generation(first, small_spec(counts=COUNT | {"window": "5 seconds", "slide": "5 seconds"}))
    expected = rows(second)
    ends = pa.array([end // 1_000_000 for end in stale["window_end"].cast(pa.int64()).to_pylist()])
    late = stale.filter(pc.greater(ends, 31))
    revised = late.set_column(late.schema.get_field_index("revision"), "revision", pa.array([9] * len(late)))
    write_published(second.tables.published("counts"), revised)  # a writer was killed before it could undo them
    assert rows(second) != expected
    groups = revised.select(["window_end", "key"]).append_column("metric", pa.array(["counts"] * len(late)))
    Publication(second.tables, second.eras).publish(groups)
    assert rows(second) == expected


def test_a_row_ahead_of_all_inputs_there_are_gives_way_to_them(tmp_path: Path) -> None:
    player = played(tmp_path)
    table = read_published(player.tables.published("counts"))
    assert table is not None
    one = table.filter(pc.equal(table["key"], '["a"]')).slice(0, 1)
    lost = one.set_column(one.schema.get_field_index("revision"), "revision", pa.array([9]))
    older = lost.set_column(lost.schema.get_field_index("part_version"), "part_version", pa.array([1]))
    before = rows(player)
    write_published(player.tables.published("counts"), older, wrong=one)
    group = older.select(["window_end", "key"]).append_column("metric", pa.array(["counts"]))
    assert Publication(player.tables, player.eras).publish(group) == 1
    assert rows(player) == before


def test_a_window_of_each_spec_may_begin_at_the_same_time(tmp_path: Path) -> None:
    first = Player(tmp_path, small_spec())
    first.play(log_line(5), log_line(25), log_line(41))
    first.play(log_line(42))
    second = next_generation(first, small_spec(counts=COUNT | {"window": "20 seconds"}))
    begun = (pc.field("window_end") == pa.scalar(40_000_000, TIME)) | (
        pc.field("window_end") == pa.scalar(30_000_000, TIME)
    )
    table = read_published(second.tables.published("counts"), begun)
    assert table is not None
    assert sorted(table["window_end"].cast(pa.int64()).to_pylist()) == [30_000_000, 40_000_000]
    second.play(log_line(26), log_line(43))
    second.play(log_line(90), log_line(27))
    second.play(log_line(28))
    reconcile_books(second.books)
    report = verified(second)
    assert report.holds, report.as_dict()


def test_rows_of_a_spec_that_was_taken_over_whole_do_not_stay(tmp_path: Path) -> None:
    first = played(tmp_path)
    second = next_generation(first, small_spec(other=COUNT))
    second.play(log_line(54))
    assert [row[0] for row in rows(second, "other")] == [30, 40, 50]
    third = Player(tmp_path, small_spec(third=COUNT), 3, log=second.log)  # begins at the bound of the second
    assert [(era.first, era.last) for era in third.eras] == [(1, 1), (3, 3)]
    assert rows(third, "other") == []
    assert [row[0] for row in rows(third, "third")] == [30, 40, 50]


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"format": "json-log"}, "source.format"),
        (
            {"event_time": "sent", "format": "json", "columns": {"sent": "timestamp", "service": "text"}},
            "source.format",
        ),
    ],
)
def test_a_spec_that_reads_records_otherwise_is_refused_before_the_cut(
    tmp_path: Path, source: dict[str, object], named: str
) -> None:
    first = played(tmp_path)
    spec = small_spec()
    other = spec.model_copy(update={"source": spec.source.model_validate({**spec.source.model_dump(), **source})})
    with pytest.raises(UserError, match=named):
        next_generation(first, other)
    assert len(read_cuts(first.tables)) == 1


def test_columns_of_other_fields_are_another_reading(tmp_path: Path) -> None:
    spec = small_spec()

    def declared(**fields: str) -> StreamSpec:
        columns = {"timestamp": "timestamp", "service": "text"}
        source = {"topic": "small", "format": "json", "columns": columns, "fields": fields}
        return spec.model_copy(update={"source": spec.source.model_validate(source)})

    first = Player(tmp_path, declared(service="shop.name"))
    first.play(log_line(5, shop={"name": "b"}))
    assert rows(first) == [(0, '["b"]', 1)]
    second = next_generation(first)
    for other in (declared(), declared(service="shopName")):
        with pytest.raises(UserError, match=r"source\.fields is not what it was"):
            next_generation(second, other)


def guarded(max_future_ms: int) -> StreamSpec:
    spec = small_spec()
    return spec.model_copy(update={"source": spec.source.model_copy(update={"max_future": max_future_ms})})


@pytest.mark.parametrize("max_future_ms", [0, 10_800_000], ids=["narrower", "wider"])
def test_another_guard_is_refused_before_the_cut_once_a_window_has_closed(tmp_path: Path, max_future_ms: int) -> None:
    first = played(tmp_path)
    with pytest.raises(UserError, match=r"source\.max_future is not what it was when generation 1 began"):
        require_deployable(first.tables, guarded(max_future_ms))
    with pytest.raises(UserError, match=r"source\.max_future"):
        next_generation(first, guarded(max_future_ms))
    assert len(read_cuts(first.tables)) == 1


def test_the_guard_is_held_against_that_of_the_newest_generation(tmp_path: Path) -> None:
    first = Player(tmp_path, guarded(0))
    first.play(log_line(5))
    second = next_generation(first, small_spec())  # nothing is closed: it takes over every window
    second.play(log_line(41))
    second.play(log_line(42))
    third = next_generation(second, small_spec(counts=COUNT | {"keys": []}))
    assert [cut.generation for cut in read_cuts(third.tables)] == [1, 2, 3]
