"""Late cases on the rule: drivers and reconcilers that are killed, restarted, or wake up too late."""

from __future__ import annotations

import random
from enum import StrEnum
from pathlib import Path

import pytest

from support.late_player import books, counts, reconcile, require_exact
from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.reconcile import compute_corrections
from tideline.reconcile_plan import plan_reconcile
from tideline.tables.books import read_corrected, read_ledger
from tideline.tables.corrections import commit_corrections
from tideline.tables.delta import Superseded, last_version
from tideline.tables.publication import Publication
from tideline.tables.schemas import PARTS_WRITER
from tideline.versions import version_of


def test_case_07_a_restart_before_the_closing_batch(tmp_path: Path) -> None:
    left, whole = Player(tmp_path / "left", small_spec()), Player(tmp_path / "whole", small_spec())
    for player, is_killed in ((left, True), (whole, False)):
        player.play(log_line(100), log_line(81), closing=not is_killed)
        if is_killed:
            player.restart()
        player.play(log_line(85), log_line(101))
    assert (books(left).late, books(whole).late) == (0, 1)
    for player in (left, whole):
        require_exact(player)
    assert counts(left) == counts(whole) == {(80, "a"): 2, (100, "a"): 2}


class Point(StrEnum):
    """Where in its batch a driver is killed; before the commit, nothing of the batch is anywhere but in Kafka."""

    BEFORE_COMMIT = "after offsets/N, before the table commit"
    AFTER_COMMIT = "after the table commit, before publication"
    BEFORE_LOG = "after publication, before commits/N"
    AFTER_LOG = "after commits/N"


def play_and_die(player: Player, values: list[bytes | None], point: Point, no_data_batches: bool) -> None:
    """A batch in which the driver is killed, and its replay by the next driver: same offsets, same watermarks."""
    planned = player.plan({0: values}, closing=no_data_batches and point is not Point.AFTER_LOG)
    if point is not Point.BEFORE_COMMIT:
        player.commit(planned)
    if point in (Point.BEFORE_LOG, Point.AFTER_LOG):
        player.publish(planned)
    player.restart()
    if point is not Point.AFTER_LOG:
        assert player.commit(planned) is (point is Point.BEFORE_COMMIT)
        player.publish(planned)


def crash_everywhere(root: Path, seed: int, no_data_batches: bool) -> None:
    dice = random.Random(seed)
    player = Player(root, small_spec())
    for number, point in enumerate(dice.sample(list(Point), len(Point))):
        times = [dice.uniform(0, 20 * (number + 1)) for _ in range(dice.randrange(1, 8))]
        play_and_die(player, [log_line(t, dice.choice("ab")) for t in times], point, no_data_batches)
        if dice.random() < 0.3:
            reconcile(player)
    require_exact(player)


CLOSING = pytest.mark.parametrize("no_data_batches", [True, False], ids=["closing batches", "no closing batches"])


@CLOSING
@pytest.mark.parametrize("seed", range(10))
def test_case_08_crash_matrix(tmp_path: Path, seed: int, no_data_batches: bool) -> None:
    crash_everywhere(tmp_path, seed, no_data_batches)


@pytest.mark.slow
@CLOSING
@pytest.mark.parametrize("seed", range(10, 100))
def test_case_08_crash_matrix_at_length(tmp_path: Path, seed: int, no_data_batches: bool) -> None:
    crash_everywhere(tmp_path, seed, no_data_batches)


def test_case_09_a_zombie_is_refused(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    asleep = player.plan({0: [log_line(2)]})
    assert player.commit(asleep)  # by the driver that took over and replays batch 1
    for t in (100, 3, 4):
        player.play(log_line(t))
    with pytest.raises(Superseded):
        player.commit(asleep)
    assert last_version(player.tables.parts, PARTS_WRITER) == version_of(1, 4)
    require_exact(player)


def test_case_35_a_zombie_of_the_old_generation_is_refused(tmp_path: Path) -> None:
    old = Player(tmp_path, small_spec())
    old.play(log_line(1))
    asleep = old.plan({0: [log_line(2)]})
    Player(tmp_path, small_spec(), generation=2).play(log_line(2))
    with pytest.raises(Superseded):
        old.commit(asleep)
    assert last_version(old.tables.parts, PARTS_WRITER) == version_of(2, 0)


def test_case_10_the_reconciler_sleeps_for_fifty_batches(tmp_path: Path) -> None:
    """The ledger needs no checkpoint: what Spark purges from it is not missed."""
    player = Player(tmp_path, small_spec())
    player.play(log_line(1), log_line(100))
    for number in range(50):
        player.play(log_line(number), log_line(101 + number), publish=False)
    player.restart()
    assert books(player).pending == 50
    require_exact(player)


def two_late_batches(root: Path) -> Player:
    player = Player(root, small_spec())
    player.play(log_line(1), log_line(100))
    player.play(log_line(2), log_line(3, "b"))
    player.play(log_line(4), log_line(12), log_line(101))
    return player


def test_case_24_two_reconciliations_and_a_retry_overlap(tmp_path: Path) -> None:
    player = two_late_batches(tmp_path)
    ledger = read_ledger(player.tables)
    first = plan_reconcile(player.eras, ledger[:2], frozenset())
    second = plan_reconcile(player.eras, ledger, frozenset())
    planned = [compute_corrections(player.eras, plan, player.read(plan.ranges))[1] for plan in (first, second)]
    assert [commit_corrections(player.tables, rows) for rows in (planned[0], planned[1], planned[0])] == [2, 2, 0]
    assert Publication(player.tables, player.eras).publish_new() == 3
    require_exact(player)
    assert counts(player) == {(0, "a"): 3, (0, "b"): 1, (10, "a"): 1, (100, "a"): 2}


def test_case_24_killed_between_corrections_and_publication(tmp_path: Path) -> None:
    player = two_late_batches(tmp_path)
    ledger = read_ledger(player.tables)
    plan = plan_reconcile(player.eras, ledger, read_corrected(player.tables))
    commit_corrections(player.tables, compute_corrections(player.eras, plan, player.read(plan.ranges))[1])
    assert counts(player)[0, "a"] == 1
    assert reconcile(player) == (0, 3)
    require_exact(player)


def test_case_33_killed_between_commit_and_publication(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    planned = player.plan({0: [log_line(2)]})
    player.commit(planned)
    assert counts(player)[0, "a"] == 1
    player.restart()
    assert counts(player)[0, "a"] == 2
    assert player.publish(planned) == 0
    require_exact(player)
