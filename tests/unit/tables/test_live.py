from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from support.records import log_line, log_metrics, small_spec
from tideline.backfill import recompute_windows
from tideline.bench.player import Planned, Player
from tideline.quarantine import Quarantine
from tideline.tables.books import read_ledger
from tideline.tables.published import read_published, write_published
from tideline.verify import verify_tables
from tideline.versions import version_of

FIRST = frozenset({("counts", 10_000_000)})
"""The window [0, 10)."""


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


def closing(root: Path) -> tuple[Player, Planned]:
    """A driver that has committed, and not published, the batch which brings a group "b" to [0, 10) and closes it."""
    player = Player(root, small_spec())
    player.play(log_line(5), log_line(35), closing=False)
    planned = player.plan({0: [log_line(6, "b")]})
    player.commit(planned)
    return player, planned


def take_out(player: Player) -> None:
    """Puts the only record of "b" in quarantine, and computes its window again."""
    player.quarantine = Quarantine(frozenset({(0, 2)}))
    recompute_windows(player.books, FIRST)


def require_taken_out(player: Player) -> None:
    assert counts(player) == {(0, '["a"]'): (1, False), (30, '["a"]'): (1, True)}
    report = verify_tables(player.tables, player.spec, player.read, quarantine=player.quarantine)
    assert report.holds, report.as_dict()


def test_the_next_driver_does_not_put_back_what_a_backfill_has_removed(tmp_path: Path) -> None:
    player, _ = closing(tmp_path)
    take_out(player)
    player.restart()
    require_taken_out(player)


def test_a_driver_between_commit_and_publication_does_not_put_it_back_either(tmp_path: Path) -> None:
    player, planned = closing(tmp_path)
    take_out(player)
    player.publish(planned)
    require_taken_out(player)


def test_what_a_driver_put_back_as_it_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    player, planned = closing(tmp_path)
    player.publish(planned)
    path = player.tables.published("counts")
    written = read_published(path, pc.field("key") == '["b"]')
    assert written is not None
    take_out(player)
    write_published(path, written)
    player.restart()
    require_taken_out(player)


def test_a_driver_that_catches_up_reads_no_older_parts_where_nothing_was_removed(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(5), log_line(35))
    player.play(log_line(36))
    recompute_windows(player.books, FIRST)
    player.play(log_line(37), publish=False)
    for file in pa.table(DeltaTable(str(player.tables.parts)).get_add_actions(flatten=True)).to_pylist():
        if file["partition.kind"] == "part" and file["max.version"] < version_of(1, 2):
            (player.tables.parts / file["path"]).unlink()
    player.restart()
    assert counts(player)[30, '["a"]'] == (3, True)
