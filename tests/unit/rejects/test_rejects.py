from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.bench.player import RECORDED_MS, Player
from tideline.quarantine import NOTHING, Quarantine
from tideline.rejects import count_by_reason, newest_rejects, read_rejects, rejected_of, replayable
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import StreamTables

AHEAD_S = RECORDED_MS / 1000 + 7200


def with_guard(max_future_ms: int) -> StreamSpec:
    spec = small_spec()
    return spec.model_copy(update={"source": spec.source.model_copy(update={"max_future": max_future_ms})})


@pytest.fixture
def player(tmp_path: Path) -> Player:
    """Offsets 1 and 3 to 6 are rejects, of two batches."""
    player = Player(tmp_path, small_spec(), quarantine=Quarantine(frozenset({(0, 3)})))
    player.play(log_line(1), b"junk")
    player.play(log_line(2), log_line(3), None, b"more junk", log_line(AHEAD_S))
    return player


def test_rejects_are_counted_by_reason(player: Player) -> None:
    assert count_by_reason(player.tables) == {
        "malformed_line": 2, "future_event": 1, "null_value": 1, "quarantined": 1,
    }  # fmt: skip


def test_before_the_first_reject_there_are_none(tmp_path: Path) -> None:
    tables = StreamTables(tmp_path)
    assert (count_by_reason(tables), newest_rejects(tables, 5), list(read_rejects(tables))) == ({}, [], [])


def test_the_newest_rejects_come_first_with_their_bytes(player: Player) -> None:
    found = [(r.partition, r.offset, r.reason, r.value) for r in newest_rejects(player.tables, 3)]
    assert found == [
        (0, 6, "future_event", log_line(AHEAD_S)),
        (0, 5, "malformed_line", b"more junk"),
        (0, 4, "null_value", None),
    ]


def test_a_reason_can_be_asked_for(player: Player) -> None:
    assert [r.offset for r in newest_rejects(player.tables, 9, "malformed_line")] == [5, 1]
    assert count_by_reason(player.tables, "malformed_line") == {"malformed_line": 2}


def test_many_large_rejects_are_read_and_only_those_asked_for_are_held(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(*(b"%d" % n * 1_000_000 for n in range(10)))
    player.play(*([b"x"] * 3000))
    assert [r.value for r in newest_rejects(player.tables, 2)] == [b"x", b"x"]
    assert sum(len(rows) for rows in read_rejects(player.tables)) == 3010


def test_listed_records_are_found_among_the_rejects(player: Player) -> None:
    listed = Quarantine(frozenset({(0, 0), (0, 3), (0, 4), (1, 5)}))
    assert rejected_of(player.tables, listed) == {(0, 3), (0, 4)}


@pytest.mark.parametrize(
    ("spec", "listed", "expected"),
    [
        (small_spec(), {(0, 3)}, {}),
        (small_spec(), set(), {3: ("quarantined", 3)}),
        (with_guard(10_000_000), {(0, 3)}, {6: ("future_event", AHEAD_S)}),
        (with_guard(10_000_000), {(0, 3), (0, 6)}, {}),
    ],
    ids=["as before", "off the list", "a wider guard", "a wider guard, but listed"],
)
def test_what_is_an_event_now_can_be_replayed(
    player: Player, spec: StreamSpec, listed: set[tuple[int, int]], expected: dict[int, tuple[str, float]]
) -> None:
    found = replayable(spec, read_rejects(player.tables), Quarantine(frozenset(listed))).to_pylist()
    assert {row["offset"]: (row["reason"], row["event_time"].timestamp()) for row in found} == expected


def test_rejects_of_one_offset_in_two_partitions_are_told_apart(player: Player) -> None:
    rows = pa.concat_tables(read_rejects(player.tables, "future_event"))
    other = {**rows.to_pylist()[0], "partition": 7, "value": b"junk"}
    both = pa.concat_tables([rows, pa.Table.from_pylist([other], schema=rows.schema)])
    assert replayable(with_guard(10_000_000), [both], NOTHING)["partition"].to_pylist() == [0]
