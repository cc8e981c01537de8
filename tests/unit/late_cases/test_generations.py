"""Late cases on the rule: checkpoints and ledger rows that are lost, and settings that change the rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from oracle.tables import expected
from support.late_player import books, counts, differences, log_of, published_tables, reconcile, require_exact
from support.records import log_line, small_spec
from tideline.backfill import recompute_windows
from tideline.begin import Start, plan_cut
from tideline.bench.player import Player
from tideline.checkpoint import CheckpointLog
from tideline.home import Home
from tideline.ledger import FILTERS_WITH_L, RowSource
from tideline.quarantine import NOTHING, Quarantine
from tideline.stream_books import close_gaps
from tideline.tables.batch import add_ledger_rows, commit_cut
from tideline.tables.books import read_cuts, read_last_row, read_ledger
from tideline.tables.delta import last_version
from tideline.tables.schemas import PARTS_WRITER
from tideline.verify import verify_tables
from tideline.versions import version_of

BY_LEVEL = {"window": "10 seconds", "keys": ["level"], "measures": {"request_count": "count"}}


def next_generation(player: Player) -> Player:
    """A driver whose checkpoint is empty: batch 0, watermark 0, no state."""
    return Player(player.root, player.spec, player.generation + 1, log=player.log)


def test_case_23_the_checkpoint_is_reset(tmp_path: Path) -> None:
    first = Player(tmp_path, small_spec())
    first.play(log_line(1), log_line(35))
    first.play(log_line(2), log_line(41))
    second = next_generation(first)
    assert second.batch == 0
    second.play(log_line(3), log_line(36))  # nothing is skipped for its low number, and [0, 10) is closed already
    second.play(log_line(4), log_line(60))
    assert counts(second)[30, "a"] == 2  # both bases count, each once
    require_exact(second)
    assert counts(second) == {(0, "a"): 4, (30, "a"): 2, (40, "a"): 1, (60, "a"): 1}


def test_case_34_killed_before_the_commit_and_the_checkpoint_is_lost(tmp_path: Path) -> None:
    first = Player(tmp_path, small_spec())
    first.play(log_line(1), log_line(35))
    first.plan({0: [log_line(2), log_line(36)]})
    second = next_generation(first)
    assert [cut.starts for cut in read_cuts(second.tables)] == [{0: 0}, {0: 2}]
    second.play(log_line(2), log_line(36), log_line(37))
    require_exact(second)
    assert counts(second) == {(0, "a"): 2, (30, "a"): 3}


def test_case_34_a_half_written_log_entry_is_no_commit(tmp_path: Path) -> None:
    for name in ("offsets", "commits"):
        (tmp_path / name).mkdir()
    metadata = '{"batchWatermarkMs":0,"batchTimestampMs":5}'
    (tmp_path / "offsets" / "0").write_text(f'v1\n{metadata}\n{{"logs":{{"0":2}}}}')
    (tmp_path / "offsets" / "1").write_text(f'v1\n{metadata}\n{{"logs":')
    (tmp_path / "commits" / "0").write_text('v1\n{"nextBatchWatermarkMs":0}')
    for cut in ("", "v1", "v1\n", 'v1\n{"nextBatch'):
        (tmp_path / "commits" / "1").write_text(cut)
        assert CheckpointLog(tmp_path).last_commit() == 0
    assert CheckpointLog(tmp_path).offsets(1) is None


def test_case_10_the_ledgers_rows_are_deleted(tmp_path: Path) -> None:
    player = Player(tmp_path / "tables", small_spec())
    player.play(log_line(1), log_line(30))
    for number in range(6):
        player.play(log_line(5), log_line(12 + 4 * number, "b"), log_line(31 + 5 * number))
    lost = f"version > {version_of(1, 1)} and version < {version_of(1, 5)}"
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and {lost}")
    (gap,) = close_gaps(Home(tmp_path / "home"), player.books, "id")
    assert (gap.first, gap.last) == (2, 4)
    sources = [row.source for row in read_ledger(player.tables)]
    assert sources.count(RowSource.INFERRED) == 3 and sources.count(RowSource.DRIVER) == 4
    assert close_gaps(Home(tmp_path / "home"), player.books, "id") == []
    reconcile(player)
    assert differences(published_tables(player), expected(log_of(player), player.spec)) == []
    assert verify_tables(player.tables, player.spec, player.read).holds
    assert reconcile(player) == (0, 0)


def test_case_10_rows_lost_before_a_cut_are_written_before_it_is_made(tmp_path: Path) -> None:
    first = Player(tmp_path / "tables", small_spec())
    first.play(log_line(1), log_line(30))
    first.play(log_line(36), log_line(47))
    first.play(log_line(5), log_line(38), log_line(52))
    DeltaTable(str(first.tables.parts)).delete(f"kind = 'ledger' and version = {version_of(1, 1)}")
    home = Home(tmp_path / "home")
    (gap,) = close_gaps(home, first.books, "id", only_between=True)
    assert (gap.first, gap.last) == (1, 1)
    second = Player(first.root, small_spec(counts=BY_LEVEL), 2, log=first.log)
    second.play(log_line(53))
    reconcile(second)
    assert verify_tables(second.tables, second.spec, second.read).holds


def test_case_10_what_a_checkpoint_committed_behind_the_ledger_is_no_gap_between(tmp_path: Path) -> None:
    player = Player(tmp_path / "tables", small_spec())
    player.play(log_line(1), log_line(30))
    home = Home(tmp_path / "home")
    commits = home.stream("small").checkpoint(1) / "commits"
    commits.mkdir(parents=True)
    (commits / "3").write_text('v1\n{"nextBatchWatermarkMs":0}')
    assert close_gaps(home, player.books, "id", only_between=True) == []
    with pytest.raises(LookupError, match="neither a checkpoint entry"):
        close_gaps(home, player.books, "id")


def test_case_10_rows_of_a_generation_whose_windows_are_taken_over_whole_come_back(tmp_path: Path) -> None:
    first = Player(tmp_path / "tables", small_spec())
    first.play(log_line(1))
    second = Player(first.root, small_spec(counts=BY_LEVEL), 2, log=first.log)
    for second_of in range(2, 5):
        second.play(log_line(second_of))
    third = Player(first.root, small_spec(), 3, log=first.log)  # no window was closed: it takes over all
    assert [era.first for era in third.eras] == [1, 3]
    DeltaTable(str(first.tables.parts)).delete(f"kind = 'ledger' and version = {version_of(2, 1)}")
    (gap,) = close_gaps(Home(tmp_path / "home"), third.books, "id")
    assert (gap.generation, gap.first) == (2, 1)
    assert len(read_ledger(first.tables)) == 4
    third.play(log_line(5), log_line(60))
    reconcile(third)
    assert verify_tables(third.tables, third.spec, third.read).holds


@pytest.mark.parametrize("row_first", [True, False])
def test_case_10_a_row_that_comes_back_and_a_cut_do_not_pass_each_other(tmp_path: Path, row_first: bool) -> None:
    player = Player(tmp_path / "tables", small_spec())
    player.play(log_line(1))
    lost = player.play(log_line(2))
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and version = {lost.version}")
    (first_cut,), known = read_cuts(player.tables), frozenset({version_of(1, 0)})
    start = Start(2, player.spec, "id", {0: 0}, 9_000)
    cut = plan_cut(start, [first_cut], read_last_row(player.tables))
    writer = last_version(player.tables.parts, PARTS_WRITER)

    def bring_back() -> bool:
        return add_ledger_rows(player.tables, [lost], known, first_cut.version)

    def make_cut() -> bool:
        return commit_cut(player.tables, cut, writer, version_of(1, 0))

    acts = [bring_back, make_cut] if row_first else [make_cut, bring_back]
    assert [act() for act in acts] == [True, False]


def test_case_17_a_ledger_that_recorded_another_rule_is_honoured(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(100), closing=False)
    planned = player.plan({0: [log_line(7), log_line(85, "b")]})
    honest = replace(planned.row, settings={FILTERS_WITH_L: "true"})
    other = replace(planned.row, settings={FILTERS_WITH_L: "false"}, late_events=2)
    assert (honest.late_ms, honest.watermark_ms) == (0, 90_000)
    assert [len(row.late_panes(player.eras)) for row in (honest, other)] == [0, 2]
    # With E in place of L Spark would have dropped both: such a batch keeps no group of them, and all is corrected.
    player.commit(replace(planned, row=other, groups=planned.groups.slice(0, 0)))
    assert (books(player).late, counts(player)) == (2, {(100, "a"): 1})
    reconcile(player)
    assert counts(player) == {(0, "a"): 1, (80, "b"): 1, (100, "a"): 1}
    assert verify_tables(player.tables, player.spec, player.read).holds


def infer_rows(player: Player, first: int, last: int) -> None:
    """The rows of these batches of the newest generation are lost, and one stands for them."""
    lost = f"version >= {version_of(player.generation, first)} and version <= {version_of(player.generation, last)}"
    DeltaTable(str(player.tables.parts)).delete(f"kind = 'ledger' and {lost}")
    assert close_gaps(Home(player.root.parent / "home"), player.books, "id")


def changed_spec(root: Path, **first: str) -> Player:
    """The second generation, of another spec: [0, 10) stays with the first, [30, 40) is its own; it has dropped 36, 7
    and 37 in one batch. `first` goes to the first one's metric."""
    counted = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}, **first}
    before = Player(root / "tables", small_spec(counts=counted))
    before.play(log_line(5, status_code=500), log_line(35))
    before.play(log_line(41))
    before.play(log_line(52))
    player = Player(before.root, small_spec(counts=BY_LEVEL), 2, log=before.log)
    player.play(log_line(90))
    player.play(log_line(91))
    player.play(log_line(36), log_line(7, status_code=500), log_line(37))
    return player


def require_inferred_rows_hold(player: Player) -> None:
    """Of a `changed_spec`: the rows of the batch that dropped and of the next are lost, and one stands for them."""
    player.play(log_line(92))
    player.play(log_line(93))
    infer_rows(player, 2, 3)
    reconcile(player)
    report = verify_tables(player.tables, player.spec, player.read)
    assert report.holds, report.as_dict()


def test_case_10_an_inferred_row_corrects_nothing_in_windows_of_the_spec_before(tmp_path: Path) -> None:
    player = changed_spec(tmp_path)
    require_inferred_rows_hold(player)


def test_case_10_a_window_with_a_condition_that_was_computed_again_before_counts_no_event_twice(tmp_path: Path) -> None:
    player = changed_spec(tmp_path, where="status_code >= 400")
    recompute_windows(player.books, frozenset({("counts", 10_000_000)}))
    require_inferred_rows_hold(player)


@pytest.mark.parametrize("listed_now", [True, False], ids=["still listed", "taken off since"])
def test_case_10_what_the_batches_refused_that_an_inferred_row_stands_for_they_did_not_drop(
    tmp_path: Path, listed_now: bool
) -> None:
    player = Player(tmp_path / "tables", small_spec(), quarantine=Quarantine(frozenset({(0, 4)})))
    player.play(log_line(1), log_line(100))
    player.play(log_line(101))
    player.play(log_line(2), log_line(3), log_line(4))
    player.play(log_line(102))
    player.play(log_line(103))
    infer_rows(player, 2, 3)
    player.quarantine = player.quarantine if listed_now else NOTHING
    reconcile(player)
    assert counts(player)[0, "a"] == 3
