"""What takes long is looked up in the background, and never twice at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from support.keeper_world import STREAM, TOPIC, Clock, World
from tideline.home import Home
from tideline.keeper.report import StreamSeen, see
from tideline.keeper.samples import Sample, Slot
from tideline.ledger import Books
from tideline.page.books import BooksSeen
from tideline.page.books_look import BooksLook, open_books_of
from tideline.page.kept import Kept
from tideline.registry.fleet_reads import keeper_looks, restarts_since, slots_since

BALANCED = BooksSeen(0, Books(1, 0, 1, 0, 0))
LONG_S = 10.0


def test_who_asks_first_waits_for_the_look() -> None:
    assert Kept(lambda: "seen", "none", 1, LONG_S).value() == "seen"


def test_a_look_that_lasts_keeps_nobody() -> None:
    go = threading.Event()
    kept = Kept(lambda: go.wait(LONG_S), False, 1, wait_s=0.0)
    assert kept.value() is False
    go.set()


def test_a_value_that_is_young_is_not_looked_up_again() -> None:
    times, looks = [0.0], iter(range(9))
    kept = Kept(lambda: next(looks), -1, 5, LONG_S, lambda: times[0])
    assert (kept.value(), kept.value()) == (0, 0)


def test_a_look_that_fails_leaves_what_there_was() -> None:
    def look() -> str:
        raise ConnectionError("away")

    assert Kept(look, "none", 1, LONG_S).value() == "none"


def test_books_are_opened_once_in_a_while() -> None:
    clock, opened = Clock(), list[str]()

    def open_one(stream: str) -> BooksSeen:
        opened.append(stream)
        return BALANCED

    look = BooksLook(open_one, clock, lambda seconds: None)
    look.look(["a", "b"])
    look.look(["a", "b"])
    clock.pass_seconds(15)
    look.look(["b", "c"])
    assert opened == ["a", "b", "c", "b"]


def test_after_each_look_the_machine_has_three_times_as_long_for_others() -> None:
    pauses = list[float]()
    BooksLook(lambda stream: BALANCED, Clock(), pauses.append).look(["a", "b"])
    assert len(pauses) == 2


def test_nobody_waits_for_books() -> None:
    go, done = threading.Event(), threading.Event()

    def open_one(stream: str) -> BooksSeen:
        go.wait(LONG_S)
        return BALANCED

    look = BooksLook(open_one, Clock(), lambda seconds: done.set())
    assert look.of(["a"]) == {}
    go.set()
    assert done.wait(LONG_S)
    assert look.of(["a"]) == {"a": BALANCED}


def test_a_stream_without_tables_has_no_books(tmp_path: Path) -> None:
    assert open_books_of(Home(tmp_path), "nosuch") is None


def test_a_table_that_is_damaged_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    world = World(tmp_path)
    world.deploy()
    log = home.tables("orders") / "parts" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("nonsense")
    seen = open_books_of(home, "orders")
    assert seen is not None
    assert (seen.books, bool(seen.problem)) == (None, True)


def test_samples_are_read_in_slots(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.deploy()
    for at, backlog in ((1_000, 5), (1_500, 9), (2_000, 1)):
        world.registry.add_sample("orders", Sample(at, 1, backlog, at, None, None, None, None))
    assert slots_since(world.registry, 0, 1_000) == {
        "orders": [Slot(1, 1_500, 9, 1_500, None, None), Slot(2, 2_000, 1, 2_000, None, None)]
    }


def test_the_first_driver_is_no_restart(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.deploy()
    assert restarts_since(world.registry, 0) == {}


def test_when_a_keeper_looked_last_is_the_newest_sample_of_each_stream(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.deploy()
    assert keeper_looks(world.registry) == {}
    for at in (1_000, 3_000, 2_000):
        world.registry.add_sample("orders", Sample(at, 1, None, None, None, None, None, None))
    assert keeper_looks(world.registry) == {"orders": 3_000}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (b"v9\n{}\n{}", "version 'v9'"),
        (b"v1\n{}\n{}", "batchWatermarkMs"),
        (b"v1\n\xff\n{}", "can't decode byte"),
    ],
)
def test_a_checkpoint_that_cannot_be_read_is_told_and_hides_nothing_else(
    tmp_path: Path, entry: bytes, said: str
) -> None:
    world = World(tmp_path)
    world.deploy()
    folder = world.home.stream(STREAM).checkpoint(1)
    for name, content in (("offsets", entry), ("commits", b"v1\n{}")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "0").write_bytes(content)
    seen = see(world.home, {TOPIC: {0: 7}}, {}, world.row, world.clock.now)
    assert seen.backlog is None
    assert "its checkpoint cannot be read" in seen.told[0] and said in seen.told[0]


def test_a_driver_that_is_killed_while_no_keeper_runs_is_missed_until_one_does(tmp_path: Path) -> None:
    world = World(tmp_path)

    def look() -> StreamSeen:
        return see(world.home, {}, keeper_looks(world.registry), world.row, world.clock.now)

    world.deploy()
    world.beat()
    world.tick()
    world.clock.pass_seconds(40)
    world.beat()
    world.tick()
    world.launcher.kill(STREAM)
    assert (look().is_out_of_sight, look().told) == (False, [])
    world.clock.pass_seconds(91)
    assert look().is_out_of_sight
    assert "no keeper has looked at it since" in look().told[0]
    world.tick()
    assert (look().is_out_of_sight, "no keeper" in str(look().told)) == (False, False)
