"""Late cases on the rule: which pairs a batch drops, at the edge of a window and at the edge of time."""

from __future__ import annotations

from pathlib import Path

from support.late_player import books, counts, late_groups, reconcile, require_exact
from support.records import log_line, micro_line, small_spec
from tideline.bench.player import Player
from tideline.tables.books import read_corrections

SECOND = 1_000_000
COUNT = {"keys": ["service"], "measures": {"request_count": "count"}}


def test_case_01_many_to_one(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(5), log_line(100))
    rest = [log_line(7, "b"), log_line(15), log_line(80), log_line(85), micro_line(80 * SECOND - 1)]
    player.play(*[log_line(7)] * 50, *rest)
    assert (books(player).late, late_groups(player)) == (55, 5)
    assert reconcile(player) == (5, 5)
    assert counts(player)[0, "a"] == 51
    require_exact(player)


def test_case_02_the_edge_counts_as_late(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(100))
    player.play(log_line(89), log_line(90, "z"), micro_line(90 * SECOND - 1))
    assert counts(player) == {(100, "a"): 1, (90, "z"): 1}
    assert books(player).late == 2
    require_exact(player)


def test_case_03_one_batch_behind(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    rows = [player.play(log_line(t), closing=False) for t in (5, 100, 7, 8)]
    assert [(row.late_ms, row.watermark_ms) for row in rows] == [(0, 0), (0, 0), (0, 90_000), (90_000, 90_000)]
    assert (counts(player)[0, "a"], books(player).late) == (2, 1)
    require_exact(player)


def test_case_04_partly_late(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec(counts={"window": "30 seconds", "slide": "10 seconds", **COUNT}))
    player.play(log_line(100))
    player.play(log_line(75), log_line(76))
    assert {start: n for (start, _), n in counts(player).items()} == {70: 2, 80: 1, 90: 1, 100: 1}
    reconcile(player)
    assert sum(read_corrections(player.tables, player.spec)["events"].to_pylist()) == 4
    require_exact(player)


def test_case_05_before_the_epoch_and_null(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    row = player.play(log_line(-50), log_line(-5), log_line(0), b'{"timestamp": null, "service": "a"}')
    assert (row.rejects, counts(player), books(player).late) == (1, {(0, "a"): 1}, 2)
    assert player.engine.rejects()["reason"].to_pylist() == ["missing_timestamp"]
    require_exact(player)


def test_case_30_microseconds_around_the_end_of_a_window(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(micro_line(90 * SECOND - 1), micro_line(90 * SECOND), micro_line(100 * SECOND + 999))
    player.play(micro_line(90 * SECOND - 1), micro_line(90 * SECOND), micro_line(90 * SECOND + 1))
    assert (counts(player)[80, "a"], counts(player)[90, "a"]) == (1, 3)
    require_exact(player)
    assert counts(player)[80, "a"] == 2


def test_case_30_a_watermark_is_cut_to_milliseconds(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(micro_line(100 * SECOND - 1))
    assert player.watermark_ms == 89_999
    player.play(micro_line(90 * SECOND - 1))
    assert books(player).late == 0
    require_exact(player)


def test_case_30_local_times_on_the_day_the_clocks_change(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec(counts={"window": "1 hour", **COUNT}))
    spring = [b'{"timestamp": "2026-03-29T0%d:30:00+0%d:00", "service": "a"}' % at for at in ((1, 1), (3, 2), (4, 2))]
    autumn = [b'{"timestamp": "2026-10-25T02:30:00+0%d:00", "service": "a"}' % zone for zone in (2, 1)]
    player.play(*spring, spring[0], *autumn)
    player.play(*reversed(autumn), *spring)
    assert sorted(counts(player).values()) == [1, 1, 1, 2, 2]
    require_exact(player)
    assert sorted(counts(player).values()) == [2, 2, 2, 2, 3]


def test_case_30_windows_that_are_no_whole_number_of_slides(tmp_path: Path) -> None:
    metrics = {
        "counts": {"window": "7 seconds", "slide": "3 seconds", **COUNT},
        "even": {"window": "4 seconds", **COUNT},
    }
    player = Player(tmp_path, small_spec(**metrics))
    player.play(*(log_line(t) for t in (-1, 0, 1, 2, 3, 5, 6, 6.999, 7, 40)))
    assert {start for start, _ in counts(player)} == {-6, -3, 0, 3, 6, 36, 39}
    player.play(*(log_line(t) for t in (24, 25, 27, 27.999, 28, 29, 30, 31)))
    assert 0 < books(player).late < 9
    require_exact(player)


def test_case_31_no_delay(tmp_path: Path) -> None:
    spec = small_spec().model_copy(update={"watermark": 0})
    player = Player(tmp_path, spec)
    player.play(log_line(110))
    player.play(log_line(110), log_line(109.999), log_line(105))
    assert counts(player) == {(110, "a"): 2}
    assert books(player).late == 2
    require_exact(player)
