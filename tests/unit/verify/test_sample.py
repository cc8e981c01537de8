"""Sampled verification: it reads only where the drawn windows lie, and sees what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.errors import UserError
from tideline.offset_ranges import OffsetRanges
from tideline.reconcile import reconcile_books
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables
from tideline.verify.sample import Draw, SampleReport, verify_sample

COUNT = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}
S = 1_000_000


def played(root: Path) -> Player:
    """Eight windows of two events, one window a batch, then one late event for the first."""
    player = Player(root, small_spec())
    for window in range(8):
        player.play(log_line(window * 10 + 1), log_line(window * 10 + 2, "b"))
    player.play(log_line(3))
    return player


def sampled(player: Player, draw: Draw) -> SampleReport:
    return verify_sample(player.tables, player.spec, player.read, draw)


def falsify(player: Player, start_s: int, values: dict[str, object]) -> None:
    """Other values in the published rows of one window, as no writer of ours would make them."""
    path = player.tables.published("counts")
    table = read_published(path)
    assert table is not None
    rows = [row | values if round(row["window_start"].timestamp()) == start_s else row for row in table.to_pylist()]
    write_deltalake(str(path), pa.Table.from_pylist(rows, schema=table.schema), mode="overwrite")


def test_only_the_offsets_of_the_drawn_windows_are_read(tmp_path: Path) -> None:
    player = played(tmp_path)
    report = sampled(player, Draw(seed=1, between_us=(20 * S, 40 * S)))
    assert (report.drawn, report.windows, report.records_read, report.holds) == (2, 2, 4, True)
    assert report.metrics["counts"].rows == 4


@pytest.mark.parametrize("draw", [Draw(1, share=0.25), Draw(1, count=2)])
def test_a_share_or_a_number_of_the_windows_is_drawn(tmp_path: Path, draw: Draw) -> None:
    report = sampled(played(tmp_path), draw)
    assert (report.drawn, report.windows) == (2, 8)


def test_a_seed_draws_the_same_again_and_another_seed_something_else() -> None:
    windows = [("counts", end) for end in range(100)]
    assert Draw(1, count=10).draw(windows) == Draw(1, count=10).draw(reversed(windows))
    assert Draw(1, count=10).draw(windows) != Draw(2, count=10).draw(windows)


def test_even_a_small_share_draws_one_window() -> None:
    assert Draw(1, share=0.001).draw([("counts", 10), ("counts", 20)]) != []


def test_a_wrong_row_is_found_where_it_is_drawn_and_only_there(tmp_path: Path) -> None:
    player = played(tmp_path)
    falsify(player, 30, {"request_count": 7})
    around, elsewhere = (Draw(1, between_us=(start * S, (start + 10) * S)) for start in (30, 40))
    assert sampled(player, around).metrics["counts"].differences == 2
    assert sampled(player, elsewhere).holds


def test_a_window_that_no_event_is_in_is_drawn_too(tmp_path: Path) -> None:
    player = played(tmp_path)
    end = pa.scalar(1010 * S, pa.timestamp("us", "UTC")).as_py()
    start = pa.scalar(1000 * S, pa.timestamp("us", "UTC")).as_py()
    falsify(player, 30, {"window_start": start, "window_end": end})
    report = sampled(player, Draw(1, between_us=(1000 * S, 1010 * S)))
    assert (report.metrics["counts"].differences, report.records_read) == (2, 0)


def test_what_waits_for_a_reconciliation_is_pending_until_then(tmp_path: Path) -> None:
    player, draw = played(tmp_path), Draw(1, between_us=(0, 10 * S))
    before = sampled(player, draw)
    reconcile_books(player.books)
    after = sampled(player, draw)
    assert [(r.holds, r.metrics["counts"].pending) for r in (before, after)] == [(True, 1), (True, 0)]


def test_each_era_is_compared_by_its_own_spec(tmp_path: Path) -> None:
    player = played(tmp_path)
    second = Player(tmp_path, small_spec(counts=COUNT | {"keys": []}), 2, log=player.log)
    second.play(log_line(71), log_line(4))
    reconcile_books(second.books)
    report = sampled(second, Draw(1))
    assert (report.holds, report.drawn, report.metrics["counts"].rows) == (True, 8, 14)


def test_a_window_that_retention_touched_is_not_drawn(tmp_path: Path) -> None:
    player = played(tmp_path)
    report = verify_sample(player.tables, player.spec, player.read, Draw(1), earliest={0: 3})
    assert (report.drawn, report.windows, report.unchecked, report.holds) == (6, 6, 2, True)


def test_the_report_names_the_seed_and_that_conservation_was_not_checked(tmp_path: Path) -> None:
    found = sampled(played(tmp_path), Draw(7, count=1)).as_dict()
    assert (found["sample"]["seed"], found["sample"]["drawn"], found["conservation"]) == (7, 1, None)


def test_before_the_first_batch_there_is_nothing_to_draw(tmp_path: Path) -> None:
    def read(ranges: OffsetRanges) -> Iterator[pa.Table]:
        raise AssertionError(f"read {ranges}")

    with pytest.raises(UserError, match="no batch yet"):
        verify_sample(StreamTables(tmp_path), small_spec(), read, Draw(1))
