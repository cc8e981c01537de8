"""Late cases on the rule: what arrives, how late, and in which batches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from support.late_player import books, counts, published_tables, reconcile, require_exact
from support.records import log_line, small_spec
from tideline.bench.player import RECORDED_MS, Player
from tideline.tables.books import read_corrections
from tideline.tables.published import read_published

NOW = RECORDED_MS / 1000


def test_case_14_a_window_with_late_events_only(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(100))
    player.play(log_line(5, "b"), log_line(6, "b"))
    assert counts(player) == {(100, "a"): 1}
    require_exact(player)
    assert counts(player) == {(100, "a"): 1, (0, "b"): 2}
    published = read_published(player.tables.published("counts"))
    assert published is not None
    row = published.sort_by("window_start").to_pylist()[0]
    assert (row["is_open"], row["revision"]) == (False, 1)


def test_case_15_a_poison_future_event_is_refused_by_the_guard(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(NOW), log_line(NOW + 10_000))
    player.play(log_line(NOW - 5), log_line(NOW + 1))
    assert (books(player).rejected, books(player).late) == (1, 0)
    assert player.watermark_ms == RECORDED_MS + 1_000 - 10_000
    require_exact(player)


def test_case_15_a_poison_future_event_without_the_guard(tmp_path: Path) -> None:
    spec = small_spec()
    open_source = spec.source.model_copy(update={"max_future": 86_400_000})
    player = Player(tmp_path, spec.model_copy(update={"source": open_source}))
    player.play(log_line(NOW), log_line(NOW + 10_000))
    player.play(*(log_line(NOW + t) for t in range(60)))
    assert (books(player).rejected, books(player).late) == (0, 60)
    require_exact(player)
    assert sum(counts(player).values()) == 62


def test_case_16_the_recorded_watermark_decides(tmp_path: Path) -> None:
    # Spark pushed `k <> 'x'` below the watermark, so x@1000 has not moved what it recorded: E is 90 s, not 990 s.
    player = Player(tmp_path, small_spec())
    player.play(log_line(100), log_line(1000, "x"))
    player.watermark_ms = player.recorded_ms = 90_000
    row = player.play(log_line(95), log_line(85))
    assert (row.watermark_ms, row.ranges[0].least) == (90_000, 85_000_000)
    assert books(player).late == 1
    require_exact(player)


def test_case_25_late_data_keeps_coming_to_one_window(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1), log_line(100))
    seen = [counts(player)[0, "a"]]
    for more in (1, 3, 1, 2, 5):
        player.play(*[log_line(2)] * more, log_line(101))
        assert reconcile(player) == (1, 1)
        seen.append(counts(player)[0, "a"])
    assert all(before < after for before, after in pairwise(seen)) and seen[-1] == 13
    require_exact(player)
    assert len(read_corrections(player.tables, player.spec)) == 5


SUMS = {
    "window": "10 seconds",
    "keys": ["service"],
    "measures": {
        "request_count": "count",
        "total": "sum(response_time)",
        "average": "avg(response_time)",
        "spread": "stddev(response_time)",
    },
}


@pytest.mark.parametrize("cuts", [(1_000_000,), (1, 999_998, 1), (100_000,) * 10, (123_457, 500_000, 376_543)])
def test_case_29_the_float_trap(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    player = Player(tmp_path, small_spec(counts=SUMS))
    tenth = log_line(5, response_time=0.1)
    for number, size in enumerate(cuts):
        player.play(*[tenth] * size, *([log_line(100)] if number == len(cuts) // 2 else []))
    reconcile(player)
    row = published_tables(player)["counts"][0, ("a",)]
    assert row == {"request_count": 1_000_000, "total": 100_000.0, "average": 0.1, "spread": 0.0}
    assert books(player).late == sum(cuts[len(cuts) // 2 + 1 :])
    assert books(player).balanced and reconcile(player) == (0, 0)
