"""What a stream's tables announce, by its ledger, its checkpoint, its corrections, and what was told before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.announced import AnnouncedStream
from support.keeper_world import Clock, sqlite_registry
from support.records import log_line, small_spec
from tideline.announce import Due, look
from tideline.backfill import recompute_windows
from tideline.home import Home
from tideline.keeper.lifecycle import Desired
from tideline.reconcile import reconcile_books
from tideline.registry.requests import Request
from tideline.registry.store import Registry
from tideline.tables.published import read_published

SECOND = 1_000_000


class World(AnnouncedStream):
    """One stream, and what its tables announce."""

    def __init__(self, home: Home, registry: Registry) -> None:
        super().__init__(home, registry, small_spec())

    def look(self) -> list[Due]:
        return look(self.home, self.registry)

    def told(self) -> list[tuple[str, int | None, int]]:
        """What is announced now, in seconds; it is noted as told."""
        found = []
        for due in self.look():
            self.registry.announced.note(due.stream, due.told)
            found += [
                (each.event.value, each.since_us and each.since_us // SECOND, each.until_us // SECOND)
                for each in due.announcements
            ]
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Home(tmp_path), sqlite_registry(Clock()))


def test_closed_windows_are_told_once_and_from_where_it_was(world: World) -> None:
    assert world.told() == []
    world.play(log_line(5), log_line(41))
    assert world.told() == [("complete", None, 30)]
    assert world.told() == []
    world.play(log_line(45))
    assert world.told() == []
    world.play(log_line(62))
    assert world.told() == [("complete", 30, 50)]


def test_what_is_told_complete_has_no_open_window(world: World) -> None:
    for second in (5, 18, 23, 41, 44, 70, 71, 95):
        world.play(log_line(second))
        for _, _, until in world.told():
            rows = read_published(world.player.tables.published("counts"))
            assert rows is not None
            ends = zip(rows["window_end"].to_pylist(), rows["is_open"].to_pylist(), strict=True)
            assert not [end for end, is_open in ends if is_open and end.timestamp() <= until]


def test_a_batch_that_is_not_published_yet_closes_nothing(world: World) -> None:
    world.play(log_line(41))
    world.play(log_line(62), committed=False)
    assert world.told() == [("complete", None, 30)]


def test_what_was_not_noted_is_told_again(world: World) -> None:
    world.play(log_line(41))
    assert world.look() == world.look() != []


def test_a_table_that_fails_says_nothing_until_it_works_again(world: World) -> None:
    world.play(log_line(41))
    beat = {"stream": "small", "epoch": 1, "tag": "t", "at": 0}
    file = world.home.stream("small").heartbeat
    file.write_text(json.dumps(beat | {"troubles": [{"part": "table counts", "reason": "x", "since": 0}]}))
    assert world.told() == []
    file.write_text(json.dumps(beat))
    assert world.told() == [("complete", None, 30)]


def test_a_reconciliation_tells_which_windows_it_corrected(world: World) -> None:
    world.play(log_line(5), log_line(81))
    world.play(log_line(82))
    world.play(log_line(6), log_line(33), log_line(83))  # two late
    world.told()
    reconcile_books(world.player.books)
    assert world.told() == [("corrected", 0, 40)]
    assert world.told() == []


def test_corrections_that_are_not_published_are_not_told_yet(world: World) -> None:
    world.play(log_line(5), log_line(81))
    world.play(log_line(82))
    world.play(log_line(6), log_line(83))
    world.told()
    table = world.player.tables.published("counts")
    kept = table.rename(table.with_name("kept"))
    table.write_text("in the way")
    with pytest.raises(Exception, match="counts"):
        reconcile_books(world.player.books)
    assert world.told() == []
    table.unlink()
    kept.rename(table)
    reconcile_books(world.player.books)
    assert world.told() == [("corrected", 0, 10)]


def test_a_backfill_tells_too(world: World) -> None:
    world.play(log_line(5), log_line(15), log_line(81))
    world.told()
    recompute_windows(world.player.books, frozenset({("counts", 20 * SECOND)}))
    assert world.told() == [("corrected", 10, 20)]


def test_another_spec_tells_nothing_before_its_first_batch(world: World) -> None:
    world.play(log_line(41))
    world.deploy(small_spec().model_copy(update={"watermark": 5_000}))
    assert world.told() == []


def test_a_stream_that_cannot_be_looked_at_does_not_hide_the_others(world: World) -> None:
    world.registry.request(Request("broken", Desired.RUNNING, "ann", "nonsense: 1\n", "f"))
    world.registry.raise_epoch("broken", 0)
    world.play(log_line(41))
    assert world.told() == [("complete", None, 30)]
