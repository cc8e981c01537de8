"""Seeded traffic: the tags are promises, and the oracle says whether they are kept."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from oracle.events import Event, Reject
from oracle.parsing import parse
from tideline.produce.malformed import BAD_LOGS
from tideline.produce.traffic import LATE_BY_MS, Tag, Traffic, TrafficEvent

START = 1_800_000_000_000
HOUR_MS = 3_600_000


def sent(count: int, seed: int = 7, rate: float = 20.0) -> tuple[Traffic, list[TrafficEvent]]:
    traffic = Traffic(seed, rate, START, 0.1, 0.1, 0.1, 0.05)
    return traffic, list(islice(traffic, count))


def kafka_ms(traffic: Traffic, number: int) -> int:
    """The wall clock when a record is sent."""
    return START + traffic.behind_ms + round(number / traffic.rate * 1000)


def test_a_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    assert sent(500)[1] == sent(500)[1]
    assert [event.value for event in sent(50, seed=1)[1]] != [event.value for event in sent(50, seed=2)[1]]


def test_every_tag_is_what_the_oracle_finds() -> None:
    traffic, events = sent(4000)
    for number, event in enumerate(events):
        found = parse(event.value, kafka_ms(traffic, number))
        match event.tag:
            case Tag.MALFORMED:
                assert found == Reject(event.reason)
            case Tag.FUTURE:
                assert found == Reject("future_event")
            case _:
                assert isinstance(found, Event)
                assert found.time_us // 1000 == event.event_time_ms


def test_all_kinds_of_malformed_records_occur() -> None:
    malformed = [event for event in sent(6000)[1] if event.tag is Tag.MALFORMED]
    assert {event.reason for event in malformed} == {reason for reason, _ in BAD_LOGS}
    assert None in {event.value for event in malformed}


def test_shares_are_kept_about() -> None:
    _, events = sent(20_000, rate=200.0)
    tags = Counter(event.tag for event in events)
    assert tags[Tag.MALFORMED] / len(events) == pytest.approx(0.1, abs=0.01)
    assert tags[Tag.FUTURE] / len(events) == pytest.approx(0.05, abs=0.01)


def test_late_events_are_far_behind_and_others_near() -> None:
    traffic, events = sent(4000)
    for number, event in enumerate(events):
        if event.event_time_ms is not None:
            behind = traffic.event_clock_ms(number) - event.event_time_ms
            if event.tag is Tag.LATE:
                assert LATE_BY_MS[0] <= behind <= LATE_BY_MS[1] + 1000
            elif event.tag is not Tag.FUTURE:
                assert 0 <= behind < 2 * 60_000


def test_no_event_is_late_before_the_clock_has_run_that_far() -> None:
    traffic, events = sent(4000)
    first = next(number for number, event in enumerate(events) if event.tag is Tag.LATE)
    assert traffic.event_clock_ms(first) - START >= LATE_BY_MS[1]
    assert min(event.event_time_ms for event in events if event.event_time_ms) >= START - 6_000


def test_duplicates_are_copies_of_what_was_sent() -> None:
    seen: set[bytes | None] = set()
    for event in sent(1500)[1]:
        assert event.tag is not Tag.DUPLICATE or event.value in seen
        seen.add(event.value)


def test_event_time_runs_fast_until_it_has_caught_up() -> None:
    traffic = Traffic(1, 10.0, START, speed=60, behind_ms=2 * HOUR_MS)
    assert traffic.event_clock_ms(0) == START
    assert traffic.event_clock_ms(10) == START + 60_000
    caught_up = round(10 * 2 * 3600 / 59) + 10
    assert traffic.event_clock_ms(caught_up) == kafka_ms(traffic, caught_up)


def test_traffic_holds_json_and_access_lines_of_many_kinds() -> None:
    values = [event.value or b"" for event in sent(3000)[1] if event.tag is Tag.ON_TIME]
    events = [event for value in values if isinstance(event := parse(value, START * 2), Event)]
    assert any(value.endswith(b'"') for value in values)  # combined
    assert any(value[-1:].isdigit() for value in values)  # common
    assert len({event.service for event in events}) == 8
    assert any(":" in (event.ip_address or "") for event in events)
    assert {type(event.response_time) for event in events} == {int, type(None)}
    assert {True, False} == {(event.status_code or 0) >= 500 for event in events}


@pytest.mark.parametrize(("speed", "late_by_ms"), [(60, ()), (60, (600_000,)), (2, (9_000_000,)), (1, (60_000,))])
def test_it_is_told_when_the_first_late_event_may_come(speed: float, late_by_ms: tuple[int, ...]) -> None:
    traffic = Traffic(1, 10, 0, speed=speed, late_by=late_by_ms)
    at = round(traffic.late_after_s * traffic.rate)
    latest_ms = max(late_by_ms, default=LATE_BY_MS[1])
    assert [traffic.event_clock_ms(number) >= latest_ms for number in (at - 1, at)] == [False, True]
