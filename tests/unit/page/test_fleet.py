"""The table of all streams, from what was seen of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tideline.keeper.evidence import CheckpointView
from tideline.keeper.heartbeat import Heartbeat
from tideline.keeper.lifecycle import LIVE, Desired, State
from tideline.keeper.report import StreamSeen
from tideline.keeper.samples import Slot
from tideline.ledger import Books
from tideline.page.books import BooksSeen
from tideline.page.fleet import SLOT_MS, SLOTS, Fleet, FleetRow, fleet_of
from tideline.page.sparks import HEIGHT, WIDTH, rates, spark
from tideline.page.tones import SIGNS, Tone, tone_of
from tideline.registry.rows import StreamRow

NOW = 1_700_000_000_000
LAST = NOW // SLOT_MS
ROW = StreamRow(
    name="orders",
    desired=Desired.RUNNING,
    state=State.STABLE,
    reason="Healthy",
    epoch=3,
    generation=1,
    next_generation=1,
    requested=1,
    acted=1,
    asked_by="ann",
    asked_for=None,
    spec="",
    fingerprint="",
    stable_spec=None,
    prove_by=None,
    refused=None,
    retry_at=None,
    probes=0,
    budget_after=0,
    losses=0,
    lost=None,
    state_since=NOW - 60_000,
    updated_at=NOW,
)
SEEN = CheckpointView(last_commit=7, committed_at=NOW - 5_000, watermark=NOW - 300_000)
BEAT = Heartbeat("orders", 3, "orders-e3", NOW, batch_ms=1_200, ui="http://127.0.0.1:4040")


def seen(state: State = State.STABLE, name: str = "orders", **facts: Any) -> StreamSeen:
    return StreamSeen(replace(ROW, state=state, name=name, **facts), SEEN, 12, BEAT, NOW, NOW)


def unseen(silent: int, unkept: int, state: State = State.STABLE, beat: Heartbeat | None = BEAT) -> StreamSeen:
    """A stream of an hour ago whose driver is silent for so many seconds, and which no keeper has looked at for so
    many."""
    since = NOW - 3_600_000
    told = beat and replace(beat, at=NOW - silent * 1000)
    return replace(seen(state, state_since=since), heartbeat=told, looked_at=NOW - unkept * 1000)


def slot(number: int, read: int | None, backlog: int | None = 0) -> Slot:
    return Slot(number, number * SLOT_MS, backlog, read, None, None)


def only(*each: StreamSeen, **mappings: Any) -> FleetRow:
    (row,) = fleet(*each, **mappings).rows
    return row


def fleet(*each: StreamSeen, slots: Any = None, restarts: Any = None, books: Any = None) -> Fleet:
    return fleet_of(each, slots or {}, restarts or {}, books or {}, NOW)


def test_a_row_says_what_the_witnesses_say() -> None:
    row = only(seen(), restarts={"orders": 2})
    assert (row.state, row.tone, row.backlog, row.batch, row.batch_ms) == ("STABLE", Tone.WELL, 12, 7, 1_200)
    assert (row.watermark, row.batch_at, row.restarts, row.has_ui) == (NOW - 300_000, NOW - 5_000, 2, True)


def test_what_was_not_seen_yet_is_not_known() -> None:
    row = only(seen())
    assert (row.rate, row.books, row.restarts, row.charts.backlog) == (None, None, 0, ())


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.SUSPENDED])
def test_a_stream_that_nobody_wants_running_has_no_delay_that_grows(desired: Desired) -> None:
    assert only(seen(State.STOPPED, desired=desired)).watermark is None


def test_what_needs_somebody_comes_first() -> None:
    states = {"a": State.STOPPED, "b": State.STABLE, "c": State.FAILED, "d": State.DEGRADED, "e": State.FAILED}
    rows = fleet(*(seen(state, name) for name, state in states.items())).rows
    assert [row.name for row in rows] == ["c", "e", "d", "b", "a"]


@pytest.mark.parametrize("state", [State.FENCING, State.STARTING, State.DEPLOYED, State.BACKOFF])
def test_a_stream_that_loses_its_drivers_on_the_way_is_in_trouble(state: State) -> None:
    tones = [only(seen(state, losses=losses, lost="DriverLost: killed")).tone for losses in (1, 2, 5)]
    assert tones == [Tone.WARN, Tone.BAD, Tone.BAD]


def test_how_the_last_driver_was_lost_is_told_while_the_next_proves_itself() -> None:
    row = only(seen(State.DEPLOYED, losses=2, lost="DriverLost: refused", reason="Unproven: 0 of 3 batches"))
    assert row.troubles == ("2 drivers were lost and none STABLE since, the last by DriverLost: refused",)


def test_a_loss_that_the_reason_tells_is_not_told_twice() -> None:
    reason = "submitted as orders-e4: DriverLost: killed; infrastructure failure, restart at once"
    assert only(seen(State.STARTING, losses=1, lost="DriverLost: killed", reason=reason)).troubles == ()
    twice = only(seen(State.STARTING, losses=2, lost="DriverLost: killed", reason=reason))
    assert twice.troubles == ("2 drivers were lost and none STABLE since",)


def test_a_silent_driver_that_no_keeper_looks_at_is_in_trouble() -> None:
    row = only(unseen(91, 100))
    assert (row.state, row.tone, row.sign) == ("STABLE", Tone.BAD, SIGNS[Tone.BAD])
    silent = "its driver has given no word since 2023-11-14T22:11:49Z"
    keeper = "no keeper has looked at it since 2023-11-14T22:11:40Z: does the DAG `keep_streams` run?"
    assert row.troubles == (f"{silent}, and {keeper}",)


@pytest.mark.parametrize(("silent", "unkept"), [(89, 3_600), (3_600, 89)], ids=["a driver", "a keeper"])
def test_a_driver_that_tells_or_a_keeper_that_looks_is_enough(silent: int, unkept: int) -> None:
    assert not unseen(silent, unkept).is_out_of_sight


def test_a_driver_that_was_never_heard_of_is_silent_since_its_stream_is_so() -> None:
    row = only(replace(unseen(0, 100, State.STARTING, None), looked_at=None))
    assert (row.tone, row.troubles[0][:54]) == (Tone.BAD, "its driver has given no word since 2023-11-14T21:13:20")


@pytest.mark.parametrize(("unkept", "tone"), [(299, Tone.WELL), (301, Tone.WARN)])
def test_a_keeper_that_is_away_is_told_while_the_driver_goes_on(unkept: int, tone: Tone) -> None:
    row = only(unseen(1, unkept))
    assert (row.tone, bool(row.troubles)) == (tone, tone is Tone.WARN)


@pytest.mark.parametrize("state", sorted(set(State) - LIVE))
def test_a_stream_that_shall_have_no_driver_is_not_missed(state: State) -> None:
    assert only(unseen(3_600, 3_600, state, None)).troubles == ()


def test_every_tone_is_counted() -> None:
    counts = fleet(seen(State.FAILED, "a"), seen(State.STABLE, "b"), seen(State.STABLE, "c")).counts
    assert dict(counts) == {Tone.BAD: 1, Tone.WARN: 0, Tone.BUSY: 0, Tone.WELL: 2, Tone.OFF: 0}


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_tone_with_a_sign_of_its_own(state: State) -> None:
    assert SIGNS[tone_of(state)]
    assert len(set(SIGNS.values())) == len(Tone)


def test_the_throughput_is_that_of_the_newest_slot() -> None:
    slots = [slot(LAST - 2, 0), slot(LAST - 1, 900), slot(LAST, 9_900)]
    assert only(seen(), slots={"orders": slots}).rate == pytest.approx(100)


def test_an_old_throughput_is_none() -> None:
    slots = [slot(LAST - 9, 0), slot(LAST - 8, 900)]
    assert only(seen(), slots={"orders": slots}).rate is None


def test_a_stream_that_has_read_all_for_a_minute_has_no_throughput() -> None:
    slots = [slot(LAST - 1, 0), slot(LAST, 9_900)]
    rests = replace(seen(), backlog=0, checkpoint=replace(SEEN, committed_at=NOW - 61_000))
    assert only(rests, slots={"orders": slots}).rate == 0
    assert only(replace(rests, backlog=5), slots={"orders": slots}).rate == pytest.approx(110)


def test_a_part_that_fails_is_told() -> None:
    trouble = {"part": "table volume", "since": NOW, "reason": "disk full"}
    row = only(replace(seen(), heartbeat=replace(BEAT, troubles=[trouble])))
    assert row.troubles == ("table volume fails since 2023-11-14T22:13:20Z, the rest goes on: disk full",)


def test_when_the_books_were_opened_changes_no_row() -> None:
    books = Books(sent=5, rejected=1, counted=3, late=1, corrected=0)
    rows = [only(seen(), books={"orders": BooksSeen(at, books)}) for at in (NOW, NOW + 1)]
    assert repr(rows[0]) == repr(rows[1])
    assert (rows[0].books and rows[0].books.pending, rows[0].books and rows[0].books.verdict) == (1, "balanced")


@pytest.mark.parametrize(
    ("books", "verdict"),
    [
        (BooksSeen(NOW, Books(5, 0, 3, 1, 0)), "NOT BALANCED"),
        (BooksSeen(NOW, problem="the table is damaged"), "cannot be opened"),
    ],
)
def test_books_that_do_not_balance_or_open_are_bad(books: BooksSeen, verdict: str) -> None:
    assert (books.is_bad, books.verdict) == (True, verdict)


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ([], []),
        ([5], [None]),
        ([0, 900, 1_800], [None, 10, 10]),
        ([0, None, 900], [None, None, None]),
        ([900, 0, 900], [None, None, 10]),
    ],
)
def test_rates_need_two_counts_that_grow(reads: list[int | None], expected: list[float | None]) -> None:
    assert rates([slot(number, read) for number, read in enumerate(reads)]) == expected


def test_a_chart_stays_in_its_box() -> None:
    (line,) = spark([0, 1, 2], [0, 5, 10], 0, 2)
    points = [tuple(map(int, point.split(","))) for point in line.split()]
    assert points[0] == (2, HEIGHT - 2)
    assert points[-1] == (WIDTH - 2, 2)


def test_a_chart_breaks_where_nothing_was_seen() -> None:
    assert len(spark([0, 1, 5, 6], [1, 1, 1, 1], 0, SLOTS)) == 2
    assert len(spark([0, 1, 2, 3, 4], [1, 1, None, 1, 1], 0, SLOTS)) == 2


def test_a_chart_of_a_single_value_is_none() -> None:
    assert spark([3], [1], 0, SLOTS) == ()
