from __future__ import annotations

from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.ledger import Corrected, LedgerRow
from tideline.tables.books import read_parts
from tideline.tables.published import read_all_published
from tideline.tables.schemas import StreamTables
from tideline.verify.snapshot import is_published, merge_inputs, take_snapshot


def shows(player: Player, last: LedgerRow) -> bool:
    merged = tuple(merge_inputs(player.tables, era) for era in player.eras)
    return is_published(player.eras, merged, read_all_published(player.tables, ["counts"]), last)


def test_before_the_first_batch_there_is_none(tmp_path: Path) -> None:
    assert take_snapshot(StreamTables(tmp_path), small_spec()) is None


def test_a_snapshot_is_pinned_at_the_last_batch(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    last = player.play(log_line(2), b"junk")
    snapshot = take_snapshot(player.tables, player.spec)
    assert snapshot is not None
    assert (snapshot.pinned, snapshot.hidden_events(), snapshot.corrected) == (last, 2, Corrected(-1, frozenset()))


@pytest.mark.parametrize("publish", [True, False])
def test_a_batch_between_its_commit_and_its_publication_is_seen(tmp_path: Path, publish: bool) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    last = player.play(log_line(2), publish=publish)
    assert shows(player, last) is publish


@pytest.mark.parametrize("publish", [True, False])
def test_a_closing_batch_without_groups_is_seen_too(tmp_path: Path, publish: bool) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    player.play(log_line(25))
    last = player.play(publish=publish)
    assert shows(player, last) is publish


def test_hidden_events_count_each_groups_newest_part(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    player.play(log_line(2), log_line(12))
    assert len(read_parts(player.tables, player.spec)) == 3
    snapshot = take_snapshot(player.tables, player.spec)
    assert snapshot is not None and snapshot.hidden_events() == 3
