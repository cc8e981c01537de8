"""Case 20 for whole windows: computed again where Kafka has every event, marked or refused where not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from support.held import refuse
from support.late_player import counts
from support.records import log_line, small_spec
from tideline.backfill import recompute_windows, windows_between
from tideline.begin import SpecChanged, Start, begin_generation
from tideline.bench.player import Player
from tideline.holds import Release
from tideline.home import Home
from tideline.kafka_io import OffsetsGone
from tideline.offset_ranges import OffsetRanges, outside
from tideline.quarantine import NOTHING, Quarantine
from tideline.reconcile import ALL, plan_tables, reconcile_books
from tideline.release import release_in
from tideline.retention import TopicRetention
from tideline.retention_guard import Guard
from tideline.stream_books import StreamBooks, close_gaps
from tideline.tables.books import read_cuts, read_overrides
from tideline.tables.unrecoverable import commit_unrecoverable, read_unrecoverable
from tideline.unrecoverable import lost_windows, split
from tideline.verify import verify_tables
from tideline.verify.sample import Draw, verify_sample
from tideline.versions import version_of

S = 1_000_000
WEEK = TopicRetention(604_800_000, None, "CreateTime")


def kept_from(player: Player, earliest: int) -> StreamBooks:
    """The books of a stream whose topic begins at an offset: what lies before cannot be read."""

    def read(ranges: OffsetRanges) -> Iterator[pa.Table]:
        missing = outside(ranges, {0: earliest}, {0: len(player.log)})
        if missing:
            raise OffsetsGone("small", missing)
        yield from player.read(ranges)

    return replace(player.books, read=read, look=lambda _: Guard(WEEK, {0: earliest}, ()))


def played(root: Path) -> Player:
    """Closed are [0, 10) with its events at 0 and 4, [10, 20) at 1 and 5, [30, 40) at 2."""
    player = Player(root, small_spec())
    player.play(log_line(5), log_line(15, "b"), log_line(35))
    player.play(log_line(60))
    player.play(log_line(6), log_line(16, "b"))
    return player


@pytest.mark.parametrize(("earliest", "gone"), [(0, []), (1, [10]), (2, [10, 20]), (3, [10, 20, 40])])
def test_case_20_a_backfill_leaves_the_windows_that_lost_an_event(
    tmp_path: Path, earliest: int, gone: list[int]
) -> None:
    player = played(tmp_path)
    before = counts(player)
    windows = windows_between(player.eras, player.books.ledger, 0, 50 * S)
    result = recompute_windows(kept_from(player, earliest), windows)
    assert result.gone_windows == tuple(("counts", end * S) for end in gone)
    assert (result.windows, result.open_windows) == (3 - len(gone), 0)
    late = {(0, "a"): 1, (10, "b"): 1}
    found = {group: count + late.get(group, 0) * (group[0] + 10 not in gone) for group, count in before.items()}
    assert counts(player) == found


def test_case_20_a_backfill_says_which_windows_it_left(tmp_path: Path) -> None:
    player = played(tmp_path)
    said = recompute_windows(kept_from(player, 1), frozenset({("counts", 10 * S)})).as_dict()
    assert said["gone_windows"] == [{"metric": "counts", "window_end": "1970-01-01T00:00:10Z"}]
    assert len(read_overrides(player.tables, player.spec)) == 0


def test_case_20_a_log_that_ends_too_early_is_no_retention(tmp_path: Path) -> None:
    player = played(tmp_path)
    books = kept_from(player, 0)
    del player.log[4:]
    with pytest.raises(OffsetsGone, match="4 to 4"):
        recompute_windows(books, frozenset({("counts", 10 * S)}))


def doubtful(root: Path, *first: float) -> Player:
    """One inferred row stands for three batches: [20, 30) and [40, 50) are in doubt, and each really lost an event.

    Their first events are at the offsets 1 and 2. With `first`, a batch of these times comes before the three.
    """
    player = Player(root / "tables", small_spec())
    player.play(log_line(5), log_line(25), log_line(45))
    if first:
        player.play(*map(log_line, first))
    known = player.batch - 1
    player.play(log_line(70))
    player.play(log_line(26), log_line(46))
    player.play(log_line(71))
    player.play(log_line(72))
    lost = f"version > {version_of(1, known)} and version < {version_of(1, known + 4)}"
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and {lost}")
    close_gaps(Home(root / "home"), player.books, "id")
    return player


@pytest.mark.parametrize(("earliest", "gone"), [(0, []), (2, [30]), (3, [30, 50])])
def test_case_20_windows_in_doubt_that_lost_an_event_are_marked_and_the_others_computed(
    tmp_path: Path, earliest: int, gone: list[int]
) -> None:
    player = doubtful(tmp_path)
    result = reconcile_books(kept_from(player, earliest))
    marks = read_unrecoverable(player.tables)
    assert [(mark.version, mark.window_end_us // S) for mark in marks] == [(version_of(1, 3), end) for end in gone]
    assert [(mark.start, mark.end) for mark in marks] == [(end // 20, end // 20 + 1) for end in gone]
    assert result.unrecoverable == len(gone)
    assert (counts(player)[20, "a"], counts(player)[40, "a"]) == (1 + (30 not in gone), 1 + (50 not in gone))
    report = verify_tables(player.tables, player.spec, kept_from(player, earliest).read, earliest={0: earliest})
    assert report.holds and report.books.balanced
    assert reconcile_books(kept_from(player, earliest)).as_dict() == nothing_done()


def nothing_done() -> dict[str, Any]:
    numbers = ("batches", "late_events", "records_read", "corrections", "rows_published", "unrecoverable", "held")
    return {"stream": "small", **dict.fromkeys(numbers, 0)}


def test_case_20_a_batch_of_which_all_that_is_certain_is_marked_is_still_planned_for_its_doubt(tmp_path: Path) -> None:
    player = doubtful(tmp_path, 46.5)  # the watermark before the gap is 35 s: [20, 30) has certainly lost its event
    commit_unrecoverable(player.tables, split(player.books.ledger, {0: 6}, lost_windows(player.eras)).lost)
    assert {mark.window_end_us for mark in read_unrecoverable(player.tables)} == {30 * S}
    plan, _ = plan_tables(player.tables, player.eras, ALL)
    assert plan.doubtful == {("counts", 50 * S)}


def test_case_20_a_spec_that_takes_over_what_kafka_no_longer_has_is_refused_before_its_cut(tmp_path: Path) -> None:
    player = played(tmp_path)
    changed = small_spec(counts={"window": "60 seconds", "keys": [], "measures": {"request_count": "count"}})
    starts = [Start(2, changed, "id", {0: earliest}, 9_000) for earliest in (1, 0)]
    with pytest.raises(SpecChanged, match="partition 0: 0 to 0"):
        begin_generation(player.tables, starts[0], kept_from(player, 1).read)
    assert len(read_cuts(player.tables)) == 1
    begin_generation(player.tables, starts[1], player.read)
    assert len(read_cuts(player.tables)) == 2


@pytest.mark.parametrize("sampled", [False, True], ids=["whole", "sampled"])
def test_a_kept_reject_that_is_an_event_by_now_counts_without_kafka(tmp_path: Path, sampled: bool) -> None:
    player = Player(tmp_path, small_spec(), quarantine=Quarantine(frozenset({(0, 0)})))
    player.play(log_line(1))
    player.play(log_line(2), log_line(100))
    player.play()
    player.quarantine = NOTHING
    books = kept_from(player, 1)
    assert recompute_windows(books, frozenset({("counts", 10 * S)})).rows_changed == 1
    assert counts(player) == {(0, "a"): 2, (100, "a"): 1}
    report = (
        verify_sample(player.tables, player.spec, books.read, Draw(1), earliest={0: 1})
        if sampled
        else verify_tables(player.tables, player.spec, books.read, earliest={0: 1})
    )
    assert report.holds, report.as_dict()


def test_windows_in_doubt_are_computed_again_though_the_gate_holds_what_is_certain_of_their_batch(
    tmp_path: Path,
) -> None:
    player = doubtful(tmp_path, 46.5)
    result = reconcile_books(player.books, gate=refuse)
    assert (result.held, result.corrections, result.rows_published) == (1, 0, 1)
    release_in(player.tables, player.eras, 1, Release("ada", 7), player.clock)
    assert (counts(player)[20, "a"], counts(player)[40, "a"]) == (2, 3)
    report = verify_tables(player.tables, player.spec, player.read)
    assert report.holds, report.as_dict()
