"""How late, how many, and from where: whatever the shape of lateness, the tables end up as the log has it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.reconcile import reconcile_books
from tideline.verify import verify_tables

SPEC = small_spec(
    counts={"window": "10 seconds", "keys": ["service"], "measures": {"n": "count", "users": "set(user_id)"}},
    sliding={"window": "1 minute", "slide": "20 seconds", "watermark": "30 seconds", "measures": {"n": "count"}},
)
DAYS = 4 * 86_400


def require_exact(player: Player) -> None:
    reconcile_books(player.books)
    report = verify_tables(player.tables, player.spec, player.read)
    assert report.holds and report.books.pending == 0, report.as_dict()
    assert reconcile_books(player.books).rows_published == 0


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("seconds", [1, 3_600, 3 * 86_400])
def test_any_lateness_and_any_share_of_it(tmp_path: Path, seconds: int, share: float) -> None:
    dice, player = Random(1), Player(tmp_path, SPEC)
    held_back = 0
    for batch in range(8):
        at = DAYS + batch * 60
        lines = []
        for number in range(100):
            late = dice.random() < share
            held_back += late
            lines.append(
                log_line(at + number * 0.6 - (seconds if late else 0), "ab"[number % 2], user_id=f"u{number % 7}")
            )
        player.play(*lines)
    require_exact(player)
    late_events = sum(row.late_events for row in player.books.ledger)
    assert (late_events > 0) is (share > 0 and seconds > 1) and late_events <= held_back


def test_a_partition_that_is_silent_for_an_hour_and_then_floods(tmp_path: Path) -> None:
    player = Player(tmp_path, SPEC)
    player.play_partitions({0: [log_line(DAYS)], 1: [log_line(DAYS)]})
    for minute in range(1, 61):
        player.play_partitions({0: [log_line(DAYS + minute * 60 + s, "a") for s in (1, 31)]})
    player.play_partitions({1: [log_line(DAYS + second, "b") for second in range(0, 3_600, 5)]})
    player.play_partitions({0: [log_line(DAYS + 3_700)], 1: [log_line(DAYS + 3_701)]})
    assert player.books.ledger[-2].late_events > 700
    require_exact(player)
