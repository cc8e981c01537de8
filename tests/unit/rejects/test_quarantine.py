from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.backfill import recompute_windows
from tideline.bench.player import Player, records
from tideline.engine.cells import Engine
from tideline.errors import UserError
from tideline.quarantine import (
    NOTHING,
    Entry,
    Quarantine,
    from_text,
    load_entries,
    load_quarantine,
    split_marked,
    to_text,
)
from tideline.quarantine_list import (
    added,
    batch_of_record,
    change_list,
    quarantined_later,
    removed,
)
from tideline.reconcile import BooksDiffer, reconcile_books
from tideline.rejects import quarantine_at_start, rejected_of
from tideline.tables.books import read_ledger
from tideline.verify import verify_tables
from tideline.verify.report import VerifyReport


def entry(partition: int, offset: int) -> Entry:
    return Entry(partition, offset, "crashes the parser", "ann", "2026-01-31T10:00:00Z")


def listing(*found: tuple[int, int]) -> Quarantine:
    return Quarantine(frozenset(found))


def test_a_listed_record_is_a_reject_whatever_it_holds() -> None:
    engine = Engine(small_spec())
    engine.load(listing((0, 1), (0, 2)).mark(records([log_line(1), log_line(2), b"junk", b"junk"])))
    found = [(row["offset"], row["reason"], row["value"]) for row in engine.rejects().to_pylist()]
    assert found == [(1, "quarantined", log_line(2)), (2, "quarantined", b"junk"), (3, "malformed_line", b"junk")]


def test_a_listed_record_is_not_parsed() -> None:
    engine = Engine(small_spec())
    engine.load(listing((0, 0)).mark(records([log_line(1, user_id="x")])))
    row = engine.parsed().to_pylist()[0]
    assert {name for name, value in row.items() if value is not None} == {
        "_partition", "_offset", "_recorded", "_value", "_reason",
    }  # fmt: skip


def test_a_listed_record_counts_in_no_cell_and_no_pane() -> None:
    engine = Engine(small_spec())
    engine.load(listing((0, 0)).mark(records([log_line(1), log_line(2)])))
    assert [cell["events"] for cell in engine.cells().to_pylist()] == [1]
    assert [(pane["events"], pane["first_offset"]) for pane in engine.panes().to_pylist()] == [(1, 1)]
    assert engine.rows_by_partition() == {0: 2}


def test_only_partition_and_offset_together_name_a_record() -> None:
    kept, out = split_marked(listing((1, 0), (0, 1)).mark(records([b"a", b"b"])))
    assert (kept["offset"].to_pylist(), out["offset"].to_pylist()) == ([0], [1])


def test_the_last_mark_counts() -> None:
    marked = listing((0, 0)).mark(records([b"a", b"b"]))
    assert [len(split_marked(found)[1]) for found in (marked, listing((0, 1), (0, 0)).mark(marked))] == [1, 2]
    assert NOTHING.mark(marked).equals(records([b"a", b"b"]))


def test_a_list_is_read_as_it_was_kept() -> None:
    entries = (Entry(0, 3, 'a "quote"\nand é', "ann", "2026-01-31T10:00:00Z"), entry(1, 0))
    assert from_text(to_text(entries)) == entries


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "3",
        '{"partition": 0}',
        to_text([entry(0, 0)]).replace("0,", '"0",', 1),
        to_text([entry(0, 0)]) + "\n",
    ],
)
def test_a_broken_list_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "quarantine.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=r"cannot be read: line \d is no entry"):
        load_quarantine(path)


def test_without_a_file_nothing_is_listed(tmp_path: Path) -> None:
    assert load_quarantine(tmp_path / "quarantine.jsonl") == NOTHING


def test_what_is_added_can_be_removed(tmp_path: Path) -> None:
    path = tmp_path / "s" / "quarantine.jsonl"
    change_list(path, lambda entries: added(entries, entry(0, 7)))
    change_list(path, lambda entries: added(entries, entry(0, 2)))
    change_list(path, lambda entries: removed(entries, 0, 7))
    assert load_entries(path) == (entry(0, 2),)


def test_writers_at_once_lose_no_entry(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: change_list(path, lambda entries: added(entries, entry(0, n))), range(24)))
    assert load_quarantine(path).by_partition == {0: list(range(24))}


def test_a_record_is_listed_once() -> None:
    with pytest.raises(UserError, match="on the list already"):
        added((entry(0, 7),), entry(0, 7))


def test_a_record_that_is_not_listed_cannot_be_removed() -> None:
    with pytest.raises(UserError, match="partition 0, offset 8 is not on the list"):
        removed((entry(0, 7),), 0, 8)


@pytest.mark.parametrize(
    ("partition", "offset", "batch"), [(0, 0, 0), (0, 1, 0), (0, 2, 1), (0, 3, None), (1, 0, None)]
)
def test_the_ledger_tells_which_batch_has_read_a_record(
    tmp_path: Path, partition: int, offset: int, batch: int | None
) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1), log_line(2))
    player.play(log_line(3))
    row = batch_of_record(read_ledger(player.tables), partition, offset)
    assert (row and row.batch) == batch


def test_records_listed_after_they_were_counted_are_told(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec(), quarantine=listing((0, 0)))
    player.play(log_line(1), log_line(2), b"junk")
    quarantine = listing((0, 0), (0, 1), (0, 2), (0, 3), (5, 1))
    rejected = rejected_of(player.tables, quarantine)
    assert rejected == {(0, 0), (0, 2)}
    assert quarantined_later(quarantine, read_ledger(player.tables), rejected) == {(0, 1)}


def test_a_driver_that_starts_gives_records_that_were_read_the_verdict_they_got(tmp_path: Path) -> None:
    """Of the last batch, 2 was quarantined and is off the list, 3 was counted and is on it; nobody has read 4."""
    player = Player(tmp_path, small_spec(), quarantine=listing((0, 0), (0, 2)))
    player.play(log_line(1), log_line(2))
    last = player.play(log_line(3), log_line(4))
    obeyed = quarantine_at_start(player.tables, listing((0, 3), (0, 4), (7, 0)), last)
    assert obeyed == listing((0, 2), (0, 4), (7, 0))


def verified(player: Player, quarantine: Quarantine) -> VerifyReport:
    player.quarantine = quarantine
    return verify_tables(player.tables, player.spec, player.read)


def test_stream_reconciliation_and_verify_take_the_same_list(tmp_path: Path) -> None:
    quarantine = listing((0, 1), (0, 4))
    player = Player(tmp_path, small_spec(), quarantine=quarantine)
    player.play(log_line(1), log_line(1))
    player.play(log_line(45))
    player.play(log_line(2), log_line(2))
    player.play(log_line(46))
    assert reconcile_books(player.books).late_events == 1
    assert verified(player, quarantine).holds


@pytest.mark.parametrize("reconciled_first", [True, False])
@pytest.mark.parametrize("offset", [0, 3], ids=["on time", "late"])
def test_listed_later_and_taken_off_again_its_windows_are_recomputed(
    tmp_path: Path, offset: int, reconciled_first: bool
) -> None:
    """What a batch dropped is found by the list it was read by; what is recomputed, by the list of today."""
    player = Player(tmp_path, small_spec())
    player.play(log_line(1), log_line(1))
    player.play(log_line(45))
    player.play(log_line(2), log_line(2))
    player.play(log_line(46))
    if reconciled_first:
        reconcile_books(player.books)
    is_counted = offset == 0 or reconciled_first
    for quarantine, count in ((listing((0, offset)), 3), (NOTHING, 4)):
        player.quarantine = quarantine
        reconcile_books(player.books)
        differing = [(str(count), str(7 - count))] if is_counted or quarantine == NOTHING else []
        assert differences(verified(player, quarantine)) == differing
        recompute_windows(player.books, frozenset({("counts", 10_000_000)}))
        assert differences(verified(player, quarantine)) == []


def dropped_two(root: Path) -> Player:
    """Its last batch has dropped 2 of "b" at the offset 3, alone in its group, and 3 of "a" at 4."""
    player = Player(root, small_spec())
    player.play(log_line(1), log_line(45))
    player.play(log_line(46))
    player.play(log_line(2, "b"), log_line(3), log_line(47))
    return player


@pytest.mark.parametrize("recomputed_first", [True, False])
def test_a_late_record_that_is_listed_before_its_correction_is_in_none(tmp_path: Path, recomputed_first: bool) -> None:
    player = dropped_two(tmp_path)
    player.quarantine = listing((0, 3))
    if recomputed_first:
        recompute_windows(player.books, frozenset({("counts", 10_000_000)}))
    assert reconcile_books(player.books).late_events == 2
    report = verify_tables(player.tables, player.spec, player.read, quarantine=player.quarantine)
    assert report.holds, report.as_dict()


def test_what_kafka_does_not_give_is_missed_beside_a_listed_record(tmp_path: Path) -> None:
    player = dropped_two(tmp_path)
    player.quarantine = listing((0, 3))
    player.log[4] = b"not what it was"
    with pytest.raises(BooksDiffer, match="dropped 2 pairs by the ledger, Kafka gives 1"):
        reconcile_books(player.books)


def differences(report: VerifyReport) -> list[tuple[str | None, str | None]]:
    return [(d.expected, d.found) for d in report.metrics["counts"].shown]


def test_what_does_not_tie_is_said(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1), log_line(2))
    player.quarantine = Quarantine(frozenset({(0, 1)}))
    report = verify_tables(player.tables, player.spec, player.read, quarantine=player.quarantine)
    assert report.imbalance == "the tables are made of 2 pairs of an event and a window, the log holds 1"
    assert report.conservation()["reason"] == report.imbalance
