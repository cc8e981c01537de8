"""The ledger as people read it: every line balances, and the sums are those of `keep_books`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.gaps import Gap
from tideline.home import Home
from tideline.ledger import Books, LedgerRow, Pane, keep_books
from tideline.ledger_view import Fate, at_text, bound_text, by_event_day, cut_as_dict
from tideline.reconcile import reconcile_books
from tideline.retention import TopicRetention
from tideline.retention_guard import Guard
from tideline.stream_ledger import StreamLedger, open_ledger
from tideline.tables.books import read_corrected, read_ledger

DAY_S = 86_400


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def played(home: Home) -> Player:
    """Five batches over two generations and two days: two late events, one of them corrected, and a reject."""
    player = Player(home.tables("small"), small_spec())
    player.play(log_line(5), log_line(15), b"junk")
    player.play(log_line(DAY_S + 5))
    player.play(log_line(6), log_line(DAY_S + 6))
    reconcile_books(player.books)
    player.play(log_line(7))
    second = Player(player.root, player.spec, 2, log=player.log)
    second.play(log_line(DAY_S + 8))
    return second


def opened(home: Home) -> StreamLedger:
    return open_ledger(home, small_spec())


def test_totals_are_what_verify_says(home: Home) -> None:
    player, found = played(home), opened(home)
    expected = keep_books(player.eras, read_ledger(player.tables), read_corrected(player.tables))
    assert found.totals == expected == Books(sent=8, rejected=1, counted=5, late=2, corrected=1)


def test_batches_are_the_last_ones_oldest_first(home: Home) -> None:
    played(home)
    views = opened(home).batches(3)
    assert [(view.generation, view.batch, view.offsets[0], view.books.late, view.state) for view in views] == [
        (1, 2, (4, 6), 1, "corrected"),
        (1, 3, (6, 7), 1, "pending"),
        (2, 0, (7, 8), 0, "-"),
    ]


def test_days_of_batches_hold_the_rejects_and_days_of_events_do_not(home: Home) -> None:
    played(home)
    recorded, happened = opened(home).days(event_time=False), opened(home).days(event_time=True)
    assert [(day.day, day.batches, day.books) for day in recorded] == [("1970-01-01", 5, Books(8, 1, 5, 2, 1))]
    assert [(day.day, day.batches, day.books) for day in happened] == [
        ("1970-01-01", 3, Books(4, 0, 2, 2, 1)),
        ("1970-01-02", 3, Books(3, 0, 3, 0, 0)),
    ]
    assert all(day.books.balanced for day in [*recorded, *happened])


def test_every_view_tells_what_kafka_no_longer_has(home: Home) -> None:
    player = Player(home.tables("small"), small_spec())
    player.play(log_line(5), log_line(15))
    player.play(log_line(DAY_S + 5))
    player.play(log_line(6), log_line(16), b"junk")  # offset 3 is gone when it is reconciled
    guard = Guard(TopicRetention(None, None, "CreateTime"), {0: 4}, ())
    reconcile_books(replace(player.books, look=lambda _: guard))
    player.play(log_line(7))
    found = opened(home)
    expected = Books(sent=7, rejected=1, counted=3, late=3, corrected=1, unrecoverable=1)
    assert (found.totals, found.totals.pending) == (expected, 1)
    assert [day.books for day in found.days(event_time=False)] == [expected]
    assert found.days(event_time=True)[0].books == Books(5, 0, 2, 3, 1, 1)
    assert [view.state for view in found.batches(2)] == ["1 corrected, 1 unrecoverable", "pending"]
    assert [view.books for view in found.batches(2)] == [Books(3, 1, 0, 2, 1, 1), Books(1, 0, 0, 1, 0)]


def test_times_of_early_years_have_four_digits() -> None:
    assert at_text(-31_000_000_000_000) == "0987-08-25T16:53:20Z"
    spec = small_spec()
    row = LedgerRow(
        0,
        0,
        "small",
        "id",
        0,
        0,
        0,
        spec.fingerprint(),
        "",
        {},
        (),
        (Pane(0, -31_000_000_000_000_000, 1, 0, 0),),
        60_000,
    )
    assert [day.day for day in by_event_day([], [row], lambda _row, _pane: Fate())] == ["0987-08-25"]


def test_a_batch_without_a_row_is_named_inside_and_at_the_end(home: Home) -> None:
    player = Player(home.tables("small"), small_spec())
    player.play(log_line(5))
    player.batch = 3
    player.play(log_line(6))
    commits = home.stream("small").checkpoint(1) / "commits"
    commits.mkdir(parents=True)
    (commits / "4").write_text('v1\n{"nextBatchWatermarkMs":0}')
    assert opened(home).gaps == [Gap(1, 1, 2), Gap(1, 4, 4)]


def test_a_stream_without_a_batch_has_empty_books(home: Home) -> None:
    found = opened(home)
    assert (found.totals, found.batches(20), found.days(True), found.gaps) == (Books(0, 0, 0, 0, 0), [], [], [])


def test_each_generation_shows_its_cut(home: Home) -> None:
    player = played(home)
    changed = small_spec(counts={"window": "10 seconds", "keys": [], "measures": {"request_count": "count"}})
    Player(player.root, changed, 3, log=player.log)
    cuts = [cut_as_dict(cut) for cut in opened(home).cuts]
    assert [(cut["generation"], cut["starts"], cut["reason"]) for cut in cuts] == [
        (1, {"0": 0}, "first deploy"),
        (2, {"0": 7}, "a new checkpoint"),
        (3, {"0": 8}, "source, watermark or metrics changed"),
    ]
    assert [bound_text(cut) for cut in opened(home).cuts] == [None, None, "1970-01-01T23:59:56Z"]
    assert cuts[2]["fingerprint"] == changed.fingerprint()


def test_a_spec_changed_before_anything_closed_takes_every_window(home: Home) -> None:
    player = Player(home.tables("small"), small_spec())
    changed = small_spec(counts={"window": "10 seconds", "keys": [], "measures": {"request_count": "count"}})
    Player(player.root, changed, 2)
    assert bound_text(opened(home).cuts[-1]) == "every window"
