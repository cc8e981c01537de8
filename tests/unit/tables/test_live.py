from __future__ import annotations

from pathlib import Path

import pytest

from support.records import log_line, log_metrics, small_spec
from tideline.bench.player import Player
from tideline.tables.books import read_ledger
from tideline.tables.published import read_published


def counts(player: Player, metric: str = "counts") -> dict[tuple[int, str], tuple[int, bool]]:
    """(window start in s, key) -> (count, is open)."""
    table = read_published(player.tables.published(metric))
    assert table is not None
    return {
        (round(row["window_start"].timestamp()), row["key"]): (row["request_count"], row["is_open"])
        for row in table.to_pylist()
    }


def test_open_windows_are_published_at_every_batch(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    player.play(log_line(2))
    assert counts(player) == {(0, '["a"]'): (2, True)}


def test_a_window_closes_in_the_batch_after_the_watermark_passed_it_though_nothing_touches_it(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    player.play(log_line(25))
    assert counts(player)[0, '["a"]'] == (1, True)
    player.play()
    assert counts(player)[0, '["a"]'] == (1, False)


def test_a_longer_delay_keeps_a_metrics_windows_open_longer(tmp_path: Path) -> None:
    player = Player(tmp_path, log_metrics())
    player.play(log_line(1, ip_address="x"))
    player.play(log_line(600))
    player.play()
    assert counts(player, "response_time")[0, '["a"]'] == (1, False)
    assert counts(player, "ip_patterns")[0, '["x"]'] == (1, True)


@pytest.mark.parametrize("publish", [True, False], ids=["published", "killed before publication"])
def test_the_next_driver_publishes_what_was_committed(tmp_path: Path, publish: bool) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    player.play(log_line(2), publish=publish)
    assert counts(player)[0, '["a"]'] == (2 if publish else 1, True)
    Player(tmp_path, small_spec())
    assert counts(player)[0, '["a"]'] == (2, True)


def test_the_next_driver_closes_what_the_killed_one_left_open(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    player.play(log_line(25))
    player.play(publish=False)
    Player(tmp_path, small_spec())
    assert counts(player)[0, '["a"]'] == (1, False)


def test_a_batch_without_data_has_a_ledger_row(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    rows = [player.play(log_line(1)), player.play()]
    assert read_ledger(player.tables) == rows


def test_a_watermark_of_the_first_days_of_1970_closes_windows(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(5_000))
    player.play(log_line(4_900, "b"), log_line(5_001))
    assert counts(player) == {(5_000, '["a"]'): (2, True)}
