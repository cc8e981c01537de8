"""What expired windows were made of is erased, and nothing becomes wrong by it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from support.erasing import (
    Killed,
    copied,
    erase_until,
    keeping,
    killed_at,
    published_rows,
    settle,
    totals,
    verified,
)
from support.held import refuse
from support.late_player import reconcile
from support.records import log_line, small_spec
from tideline.backfill import recompute_windows
from tideline.begin import SpecChanged
from tideline.bench.player import Player
from tideline.gaps import find_gaps
from tideline.holds import Release
from tideline.home import Home
from tideline.ledger import Books
from tideline.reconcile import compute_corrections, compute_in_process, reconcile_books
from tideline.reconcile_plan import plan_reconcile
from tideline.release import release_in
from tideline.stream_books import close_gaps
from tideline.tables.books import (
    read_corrected,
    read_corrections,
    read_ledger,
    read_parts,
    read_versions,
)
from tideline.tables.corrections import commit_corrections
from tideline.tables.delta import open_dataset, stamp
from tideline.tables.erased import HORIZON, HorizonPassed, read_erased, read_erasures, read_horizon
from tideline.tables.holds import read_holds
from tideline.tables.late_events import read_late_events
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.versions import version_of

HOPPING = {"window": "30 seconds", "slide": "10 seconds", "keys": ["service"], "measures": {"n": "count"}}
COUNTS = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}


@pytest.fixture(scope="module")
def three_minutes(tmp_path_factory: pytest.TempPathFactory) -> Player:
    """A stream with late events, rejects, and all of it reconciled: windows up to 160 s are closed."""
    player = Player(tmp_path_factory.mktemp("tables"), keeping(small_spec(counts=COUNTS, hopping=HOPPING)))
    for second in range(0, 190, 10):
        player.play(log_line(second), log_line(second + 1, "b"), b"no event")
        if second == 100:
            player.play(log_line(12), log_line(71, "b"))
    settle(player)
    return player


@pytest.fixture
def player(three_minutes: Player, tmp_path: Path) -> Player:
    """Those three minutes, for a test to go on from."""
    return copied(three_minutes, tmp_path / "tables")


def test_rows_stay_and_what_they_were_made_of_goes(player: Player) -> None:
    before, books = published_rows(player), totals(player)
    horizon, removed = erase_until(player, 60)
    assert (horizon.until_us, horizon.held_back) == (60_000_000, ())
    assert removed.rows.keys() == {"parts", "corrections", "rejects"}
    assert removed.batches == 4  # of [0, 40) s: a window of 30 s that begins at 30 s ends with the horizon
    assert published_rows(player) == before
    assert (totals(player), read_versions(player.tables)[0]) == (books, version_of(1, 4))
    for rows in (read_parts(player.tables, player.spec), read_corrections(player.tables, player.spec)):
        assert pc.min(rows["window_end"]).as_py().timestamp() > 60
    report = verified(player)
    assert (report.expired.windows, report.expired.until) == (6 + 6, "1970-01-01T00:01:00Z")
    assert report.conservation()["expired_windows"] == 12


def test_the_horizon_moves_on_and_never_back(player: Player) -> None:
    before, books = published_rows(player), totals(player)
    for seconds, until in ((60, 60), (110, 110), (30, 110), (110, 110), (10_000, 161)):
        horizon, _ = erase_until(player, seconds)
        assert horizon.until_us == until * 1_000_000
        assert (published_rows(player), totals(player)) == (before, books)
        verified(player)
    assert horizon.held_back == ("later windows are open by the last batch's watermark",)
    assert [each.until_us // 1_000_000 for each in read_erasures(player.tables)] == [60, 110, 161]
    player.play(log_line(400))
    player.play(log_line(401))
    assert erase_until(player, 10_000)[0].until_us == 390_000_000
    assert len(read_versions(player.tables)) == 2  # [400, 410) has not ended by the horizon
    verified(player)


def test_nothing_expires_unless_a_spec_says_so(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1), log_line(100))
    horizon, removed = erase_until(player, 60)
    assert (removed.batches, removed.rows, horizon.held_back) == (0, {}, ("the spec has no `keep`: nothing is erased",))
    assert read_horizon(player.tables) is None


def test_a_late_event_of_an_expired_window_is_never_counted_in_it(player: Player) -> None:
    erase_until(player, 60)
    before = published_rows(player, 60)
    player.play(log_line(41, user_id="late"), log_line(200))  # of [40, 50), and of hopping windows up to 60 and 70
    pending = totals(player)
    assert (pending.pending, pending.unrecoverable) == (1, 0)
    settle(player)
    assert published_rows(player, 60) == before
    marks = read_unrecoverable(player.tables)
    assert {(mark.metric, mark.window_end_us // 1_000_000) for mark in marks} == {
        ("counts", 50), ("hopping", 50), ("hopping", 60)
    }  # fmt: skip
    assert {mark.reason for mark in marks} == {"expired"}
    assert totals(player) == Books(*_with(pending, unrecoverable=1))
    late = read_late_events(player.tables, pc.field("offset") == marks[0].start).to_pylist()
    outcomes = {(row["metric"], row["window_end"].timestamp()): row["outcome"] for row in late}
    assert outcomes[("hopping", 70.0)] == "corrected"
    assert {outcomes[mark.metric, mark.window_end_us / 1e6] for mark in marks} == {"unrecoverable"}
    erase_until(player, 160)
    verified(player)


def _with(books: Books, **changed: int) -> tuple[int, ...]:
    values = {name: getattr(books, name) for name in ("sent", "rejected", "counted", "late", "corrected",
                                                      "unrecoverable", "held")}  # fmt: skip
    return tuple((values | changed).values())


def test_a_late_event_that_waits_holds_the_horizon_back(player: Player) -> None:
    player.play(log_line(41), log_line(200))
    horizon, _ = erase_until(player, 60)
    assert horizon.until_us == 50_000_000 - 1
    assert horizon.held_back == ("1 batches wait for a reconciliation, or for a person's release",)
    settle(player)
    assert erase_until(player, 60)[0].until_us == 60_000_000
    verified(player)


def test_a_gap_holds_the_horizon_back_while_it_may_be_closed(player: Player) -> None:
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and version = {version_of(1, 5)}")
    horizon, _ = erase_until(player, 6)
    assert read_horizon(player.tables) is None
    assert horizon.held_back[0] == "batches 5 to 5 of generation 1 have no ledger row yet"
    reconcile(player)
    horizon, removed = erase_until(player, 60)  # it was recorded a minute ago
    assert (horizon.held_back, removed.batches) == ((), 4)


def test_gaps_are_looked_for_from_the_first_batch_that_is_kept(player: Player) -> None:
    erase_until(player, 60)
    versions, erased = read_versions(player.tables), read_erased(player.tables)
    assert find_gaps(versions, 1, None, erased.last) == []
    lost = find_gaps(versions[1:], 1, None, erased.last)
    assert [(gap.generation, gap.first, gap.last) for gap in lost] == [(1, 4, 4)]


def test_a_row_that_is_lost_next_to_what_is_erased_is_written_again(player: Player, tmp_path: Path) -> None:
    erase_until(player, 60)
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and version = {version_of(1, 4)}")
    (gap,) = close_gaps(Home(tmp_path / "home"), player.books, "id")
    assert (gap.first, gap.last) == (4, 4)
    assert read_ledger(player.tables)[0].ranges[0].rows == 3
    settle(player)


def test_who_planned_before_the_horizon_moved_plans_again(player: Player) -> None:
    books = player.books
    row = player.play(log_line(41), log_line(200))
    ledger = [row]
    plan = plan_reconcile(books.eras, ledger, read_corrected(player.tables))
    corrections = compute_corrections(books.eras, plan, player.read(plan.ranges))[1]
    # The batch came after the look at the tables by which the horizon was decided.
    for path in (player.tables.parts, player.tables.corrections, player.tables.overrides):
        if path.exists():
            stamp(path, HORIZON, 60_000_000)
    with pytest.raises(HorizonPassed, match="1970-01-01T00:01:00Z"):
        commit_corrections(player.tables, corrections)
    settle(player)
    assert totals(player).unrecoverable == 1


def test_a_reconciliation_in_flight_begins_again(player: Player) -> None:
    player.play(log_line(41), log_line(200))
    said: list[str] = []
    tries = []

    def compute(books, plan, record):  # type: ignore[no-untyped-def]
        tries.append(len(plan.spans))
        found = compute_in_process(books, plan, record)
        for path in (player.tables.parts, player.tables.corrections):
            stamp(path, HORIZON, 60_000_000)
        return found

    result = reconcile_books(player.books, progress=said.append, compute=compute)
    assert (len(tries), result.unrecoverable) == (2, 3)
    assert any("planned again" in line for line in said)
    settle(player)


def test_overrides_of_expired_windows_are_refused(player: Player) -> None:
    erase_until(player, 60)
    books = player.books  # knows eras from before
    assert books.eras[-1].expired_us < 0
    with pytest.raises(HorizonPassed):
        recompute_windows(books, frozenset({("counts", 50_000_000)}))
    verified(player)


@pytest.mark.parametrize("same", [True, False], ids=["a lost checkpoint", "a changed spec"])
def test_a_generation_that_begins_later_counts_nothing_in_expired_windows(player: Player, same: bool) -> None:
    erase_until(player, 60)
    before = published_rows(player, 60)
    spec = player.spec if same else keeping(small_spec(counts=COUNTS, hopping={**HOPPING, "keys": ["level"]}))
    second = Player(player.root, spec, 2, log=player.log)
    second.play(log_line(41, user_id="late"), log_line(195))  # its watermark is 0: nothing is late by it
    assert published_rows(second, 60)["counts"] == before["counts"]
    settle(second)
    assert published_rows(second, 60)["counts"] == before["counts"]
    assert (totals(second).unrecoverable, totals(second).pending) == (1, 0)
    for seconds in range(200, 400, 20):
        second.play(log_line(seconds))
    settle(second)
    before = published_rows(second)
    erase_until(second, 300)
    assert read_erased(second.tables).last >= version_of(2, 0)
    assert published_rows(second) == before
    settle(second)


def test_a_new_generation_without_a_batch_holds_the_horizon_back(player: Player) -> None:
    second = Player(player.root, player.spec, 2, log=player.log)
    horizon, _ = erase_until(second, 60)
    assert read_horizon(player.tables) is None
    assert horizon.held_back == ("generation 2 has no batch yet",)


def a_history(root: Path, seed: int) -> None:
    """Batches, late events of any age, reconciliations, restarts, generations, erasures that are killed anywhere."""
    dice = random.Random(seed)
    player = Player(root, keeping(small_spec(counts=COUNTS, hopping=HOPPING)))
    now, until, generation = 0.0, 0.0, 1
    frozen = published_rows(player, until)
    for _ in range(30):
        now += dice.uniform(0, 25)
        ages = [dice.choice([0, 0, 5, 30, 100, now]) * dice.random() for _ in range(dice.randrange(1, 5))]
        lines = [log_line(max(0.0, now - age), dice.choice("ab")) for age in ages]
        is_killed = dice.random() < 0.15
        player.play(*lines, *([b"no event"] if dice.random() < 0.3 else []), publish=not is_killed)
        match dice.randrange(9):
            case 0 | 1:
                reconcile(player)
            case 2:
                player.restart()
            case 3 if generation < 4:
                generation += 1
                player = Player(root, player.spec, generation, log=player.log)
            case 4 | 5 | 6:
                books = totals(player)
                try:
                    horizon, _ = erase_until(player, now - dice.uniform(10, 60), killed_at(dice.randrange(16)))
                    until = horizon.until_us / 1e6
                except Killed:
                    pass
                assert totals(player) == books
                frozen = published_rows(player, until)
        if is_killed:
            player.restart()
        assert published_rows(player, until) == frozen
    player.restart()
    settle(player)
    erase_until(player, now - 20)
    settle(player)


def points(numbers: range) -> list[Any]:
    """The steps of an erasure at which something happens: every fourth of them for each run, all for the long one."""
    often = numbers[::4]
    return [pytest.param(number, marks=[] if number in often else [pytest.mark.slow]) for number in numbers]


@pytest.mark.parametrize("seed", range(1))
def test_random_histories(tmp_path: Path, seed: int) -> None:
    a_history(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 60))
def test_random_histories_at_length(tmp_path: Path, seed: int) -> None:
    a_history(tmp_path, seed)


@pytest.mark.parametrize("number", points(range(14)))
def test_a_run_that_was_killed_is_completed_by_the_next(player: Player, number: int) -> None:
    before, books = published_rows(player), totals(player)
    with pytest.raises(Killed):
        erase_until(player, 60, killed_at(number))
    assert (published_rows(player), totals(player)) == (before, books)
    verified(player)
    player.play(log_line(42), log_line(210))
    settle(player)
    erase_until(player, 60)
    assert (
        open_dataset(player.tables.rejects).count_rows(filter=pc.field("version") <= read_erased(player.tables).last)
        == 0
    )
    assert read_erased(player.tables).batches == 4
    settle(player)


def test_batches_and_reconciliations_beside_an_erasure_are_whole(player: Player) -> None:
    seconds, frozen = iter(range(200, 400, 10)), list[object]()

    def drive(name: str) -> None:
        player.play(log_line(next(seconds)), log_line(45), log_line(95))
        if name != "horizon":  # who knows of no horizon yet corrects [40, 50) until the table of corrections has it
            reconcile(player)
        if name == "corrections deleted":
            frozen.append(published_rows(player, 60))

    erase_until(player, 60, drive)
    (before,) = frozen
    assert published_rows(player, 60) == before
    settle(player)
    assert published_rows(player, 60) == before
    assert totals(player).pending == 0


@pytest.mark.parametrize("number", points(range(0, 13, 2)))
def test_a_generation_that_begins_beside_an_erasure_leaves_expired_windows_alone(player: Player, number: int) -> None:
    before, late, steps = published_rows(player, 60), totals(player).late, list[str]()
    begun: list[Player] = []

    def begin(name: str) -> None:
        if len(steps) == number:
            begun.append(Player(player.root, player.spec, 2, log=player.log))
            begun[0].play(log_line(45), log_line(200))
        steps.append(name)

    horizon, _ = erase_until(player, 60, begin)
    (second,) = begun
    if number == 0:  # the new one counts the event: nothing has expired
        assert horizon.held_back == ("a generation began meanwhile",)
        assert (read_horizon(player.tables), totals(second).late) == (None, late)
        before = published_rows(second, 60)
    assert published_rows(second, 60) == before
    settle(second)
    assert published_rows(second, 60) == before


@pytest.mark.parametrize("number", points(range(0, 13, 3)))
def test_two_erasures_at_once_are_one(player: Player, number: int) -> None:
    before, books, steps = published_rows(player), totals(player), list[str]()

    def other(name: str) -> None:
        steps.append(name)
        if len(steps) == number + 1:
            erase_until(player, 90)

    erase_until(player, 60, other)
    assert (published_rows(player), totals(player)) == (before, books)
    assert [each.until_us // 1_000_000 for each in read_erasures(player.tables)][-1] == 90
    verified(player)


def test_a_hold_holds_the_horizon_back_until_it_is_released(player: Player) -> None:
    player.play(log_line(41), log_line(200))
    reconcile_books(player.books, gate=refuse)
    assert erase_until(player, 60)[0].until_us == 50_000_000 - 1
    release_in(player.tables, player.eras, 1, Release("ada", 1), player.clock)
    settle(player)
    _, removed = erase_until(player, 160)
    assert removed.rows["held"] == 4
    assert [hold.release is not None for hold in read_holds(player.tables)] == [True]
    settle(player)


def test_a_spec_whose_windows_reach_into_what_is_erased_is_refused(player: Player) -> None:
    erase_until(player, 130)
    longer = keeping(small_spec(counts=COUNTS, hopping={**HOPPING, "window": "60 seconds"}))
    with pytest.raises(SpecChanged, match="takes over windows that begin at 1970-01-01T00:01:50Z"):
        Player(player.root, longer, 2, log=player.log)
    second = Player(player.root, keeping(small_spec(counts=COUNTS)), 2, log=player.log)
    second.play(log_line(210))
    settle(second)


def test_bytes_are_gone_once_no_snapshot_of_the_last_hour_holds_them(tmp_path: Path) -> None:
    player = Player(tmp_path, keeping(small_spec(counts=COUNTS)))
    player.play(log_line(1, "person-7"), b"junk of person-7", log_line(50))
    player.play(log_line(2, "person-7"), log_line(100))
    for second in (150, 200, 250):
        player.play(log_line(second))
    settle(player)
    erase_until(player, 120)
    tables = player.tables
    for path in (tables.parts, tables.corrections, tables.overrides, tables.rejects, tables.late_events):
        table = DeltaTable(str(path))
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
        rows = open_dataset(path).to_table().to_pylist()
        assert "person-7" not in str(rows)
        assert not any(b"person-7" in file.read_bytes() for file in path.rglob("*.parquet"))
