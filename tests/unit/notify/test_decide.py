"""Which notices are due: cases, and laws over any history and any luck in sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tideline.keeper.lifecycle import State
from tideline.keeper.verdict import Kind, Severity
from tideline.notify.decide import MUTED_MS, NEWS_MS, due_notices
from tideline.notify.notice import Happened, Notice, Told, Trouble, gravest

MINUTE = 60_000
PAGE, WARN = Severity.PAGE, Severity.WARN


def happened(
    number: int, to: State, minute: float = 0, verdict: str = "Healthy", severity: Severity = WARN
) -> Happened:
    at = int(minute * MINUTE)
    return Happened(number, "orders", State.STABLE, to, verdict, severity, "why", "keep_streams", 1, 1, None, at)


def degraded(number: int, minute: float = 0, verdict: str = Kind.PART_FAILS, severity: Severity = WARN) -> Happened:
    return happened(number, State.DEGRADED, minute, verdict, severity)


def stable(number: int, minute: float = 0) -> Happened:
    return happened(number, State.STABLE, minute)


@dataclass
class Teller:
    """Tells a growing history to a notifier that can be broken."""

    history: list[Happened] = field(default_factory=list)
    told: dict[Trouble, Told] = field(default_factory=dict)
    sent: list[tuple[int, Notice]] = field(default_factory=list)
    least: Severity = WARN

    def tick(self, minute: float, *new: Happened, broken: bool = False) -> list[str]:
        """The reasons that are told at a minute, after these transitions."""
        self.history += new
        now = int(minute * MINUTE)
        due = due_notices(self.history, list(self.told.values()), now, self.least)
        for notice in [] if broken else due:
            self.sent.append((now, notice))
            self.told[notice.trouble] = Told(notice.trouble, notice.happened.id, now)
        return [] if broken else [notice.trouble.reason for notice in due]


@pytest.mark.parametrize(
    ("to", "verdict", "severity", "trouble"),
    [
        (State.CRASH_LOOP, "DriverLost", WARN, Trouble("CRASH_LOOP", PAGE)),
        (State.FAILED, "DriverLost", WARN, Trouble("FAILED", PAGE)),
        (State.ROLLING_BACK, "Unproven", WARN, Trouble("ROLLING_BACK", PAGE)),
        (State.UNHEALTHY, "Hung", WARN, Trouble("Hung", WARN)),
        (State.UNKNOWN, "Unknown", WARN, Trouble("Unknown", WARN)),
        (State.DEGRADED, "PartFails", WARN, Trouble("PartFails", WARN)),
        (State.DEGRADED, "RetentionRisk", PAGE, Trouble("RetentionRisk", PAGE)),
        (State.BACKOFF, "DriverLost", WARN, Trouble("BACKOFF", WARN)),
        (State.FENCING, "DriverLost", WARN, None),
        (State.STABLE, "Healthy", WARN, None),
        (State.DRAINING, "Healthy", WARN, None),
    ],
)
def test_what_is_trouble(to: State, verdict: str, severity: Severity, trouble: Trouble | None) -> None:
    assert happened(1, to, verdict=verdict, severity=severity).trouble == trouble


def test_waiting_after_a_lost_driver_is_the_same_trouble() -> None:
    waits = Happened(2, "orders", State.UNHEALTHY, State.BACKOFF, "DriverLost", WARN, "", "", 1, 1, None, 0)
    assert waits.trouble is None


def test_the_gravest_warning_counts() -> None:
    assert gravest([{"severity": "warn"}, {"severity": "page"}]) is PAGE
    assert gravest([{"severity": "warn"}]) is gravest(None) is WARN


def test_a_trouble_and_its_end_are_told_once() -> None:
    teller = Teller()
    assert teller.tick(0, degraded(1)) == ["PartFails"]
    assert teller.tick(1) == []
    assert teller.tick(2, stable(2, 2)) == ["STABLE"]
    assert teller.tick(60) == []
    assert teller.sent[-1][1].ended == ("PartFails",)


def test_a_start_is_no_end_of_anything() -> None:
    assert Teller().tick(0, stable(1)) == []


def test_what_comes_again_and_goes_within_half_an_hour_is_not_told() -> None:
    teller = Teller()
    teller.tick(0, degraded(1))
    teller.tick(1, stable(2, 1))
    assert teller.tick(10, degraded(3, 10)) == []
    assert teller.tick(11, stable(4, 11)) == []
    assert teller.tick(45) == []


def test_what_comes_again_and_stays_is_told_when_the_half_hour_is_over() -> None:
    teller = Teller()
    teller.tick(0, degraded(1), stable(2))
    assert teller.tick(29, degraded(3, 10)) == []
    assert teller.tick(30) == ["PartFails"]
    assert teller.tick(31, stable(4, 31)) == ["STABLE"]


def test_a_warning_mutes_no_page_and_a_page_mutes_warnings() -> None:
    teller = Teller()
    assert teller.tick(0, degraded(1, 0, "RetentionRisk")) == ["RetentionRisk"]
    assert teller.tick(5, degraded(2, 5, "RetentionRisk", PAGE)) == ["RetentionRisk"]
    assert teller.tick(6, degraded(3, 6, "RetentionRisk")) == []


def test_what_could_not_be_told_is_told_before_its_end() -> None:
    teller = Teller()
    teller.tick(0, happened(1, State.CRASH_LOOP), broken=True)
    assert teller.tick(9, stable(2, 5)) == ["CRASH_LOOP", "STABLE"]


@pytest.mark.parametrize(("later", "told"), [(NEWS_MS / MINUTE, ["FAILED", "STABLE"]), (NEWS_MS / MINUTE + 1, [])])
def test_what_is_over_for_a_day_is_no_news(later: float, told: list[str]) -> None:
    assert Teller().tick(later, happened(1, State.FAILED), stable(2)) == told


def test_what_lasts_is_news_however_old() -> None:
    assert Teller().tick(99_999, happened(1, State.FAILED)) == ["FAILED"]


def test_who_wants_pages_hears_of_nothing_else() -> None:
    teller = Teller(least=PAGE)
    assert teller.tick(0, degraded(1)) == []
    assert teller.tick(1, stable(2, 1)) == []
    assert teller.tick(2, happened(3, State.FAILED, 2)) == ["FAILED"]
    assert teller.tick(3, degraded(4, 3), stable(5, 3)) == ["STABLE"]


def test_one_line_says_it() -> None:
    assert Notice(happened(1, State.FAILED), Trouble("FAILED", PAGE)).text == "[page] orders is FAILED: why"
    over = Notice(stable(2), Trouble("STABLE", PAGE), ("FAILED", "Hung"))
    assert over.text == "orders is STABLE again after FAILED, Hung: why"


EVENTS = st.one_of(
    st.just(stable),
    st.builds(
        lambda verdict, severity: lambda number, at: degraded(number, at, verdict, severity),
        st.sampled_from(["PartFails", "RetentionRisk"]),
        st.sampled_from(list(Severity)),
    ),
    st.sampled_from([State.CRASH_LOOP, State.UNKNOWN, State.STOPPED, State.STARTING]).map(
        lambda to: lambda number, at: happened(number, to, at, "Unknown")
    ),
)
TICKS = st.lists(st.tuples(st.integers(1, 25), st.lists(EVENTS, max_size=3), st.booleans()), max_size=30)


def play(ticks: Sequence[tuple[int, list[object], bool]]) -> Teller:
    """Plays ticks: minutes since the last, what happened meanwhile, whether sending fails; the last two succeed."""
    teller, minute = Teller(), 0
    for passed, events, broken in [*ticks, (1, [], False), (31, [], False)]:
        new = [
            event(len(teller.history) + number, minute)  # type: ignore[operator]
            for number, event in enumerate(events, 1)
        ]
        minute += passed
        teller.tick(minute, *new, broken=broken)
    return teller


@settings(max_examples=300, deadline=None)
@given(TICKS)
def test_no_reason_is_told_twice_in_half_an_hour_except_a_page_after_a_warning(ticks: list[object]) -> None:
    sent = [(at, notice.trouble) for at, notice in play(ticks).sent if not notice.ended]  # type: ignore[arg-type]
    for reason in {trouble.reason for _, trouble in sent}:
        times = [(at, trouble.severity) for at, trouble in sent if trouble.reason == reason]
        for (before, then), (after, now) in pairwise(times):
            assert after - before >= MUTED_MS or (then, now) == (WARN, PAGE)


@settings(max_examples=300, deadline=None)
@given(TICKS)
def test_every_trouble_is_told_or_muted(ticks: list[object]) -> None:
    """Of each trouble there is a notice from half an hour before it on, by it or by a graver or later one."""
    teller = play(ticks)  # type: ignore[arg-type]
    sent = [(at, notice) for at, notice in teller.sent if not notice.ended]
    for each in teller.history:
        if (trouble := each.trouble) is not None:
            assert any(
                notice.trouble.reason == trouble.reason
                and notice.trouble.severity in (trouble.severity, PAGE)
                and at >= each.at - MUTED_MS
                for at, notice in sent
            )


@settings(max_examples=300, deadline=None)
@given(TICKS)
def test_an_end_is_told_once_and_never_before_its_trouble(ticks: list[object]) -> None:
    teller = play(ticks)  # type: ignore[arg-type]
    is_open, ends = set[str](), list[int]()
    for _, notice in teller.sent:
        if notice.ended:
            assert set(notice.ended) == is_open
            ends.append(notice.happened.id)
            is_open = set()
        else:
            is_open.add(notice.trouble.reason)
    assert ends == sorted(set(ends))
    states = [each.to for each in teller.history if each.trouble or each.to is State.STABLE]
    assert not (states and states[-1] is State.STABLE and is_open)
