"""User events: keyed, skewed, in sessions; and the tags are promises that the format keeps."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice

import pyarrow as pa
import pytest

from oracle.events import Reject
from oracle.user_event import UserEvent, parse_user_event
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.produce.kinds import USER_EVENTS
from tideline.produce.malformed import BAD_USER_EVENTS
from tideline.produce.traffic import Tag, Traffic, TrafficEvent
from tideline.spec.load import find_spec, load_spec

START = 1_800_000_000_000
MINUTE_MS = 60_000
LATE_BY = (5 * MINUTE_MS, 15 * MINUTE_MS)


def sent(count: int, seed: int = 3) -> tuple[Traffic, list[TrafficEvent]]:
    traffic = Traffic(seed, 20.0, START, 0.1, 0.1, 0.1, 0.05, kind=USER_EVENTS, late_by=LATE_BY)
    return traffic, list(islice(traffic, count))


def test_every_tag_is_what_the_oracle_finds() -> None:
    traffic, events = sent(4000)
    for number, event in enumerate(events):
        wall_ms = START + traffic.behind_ms + round(number / traffic.rate * 1000)
        found = parse_user_event(event.value, wall_ms)
        match event.tag:
            case Tag.MALFORMED:
                assert found == Reject(event.reason)
            case Tag.FUTURE:
                assert found == Reject("future_event")
            case _:
                assert isinstance(found, UserEvent)
                assert (found.time_us, (found.user_id or "").encode()) == ((event.event_time_ms or 0) * 1000, event.key)


def test_every_kind_of_bad_event_occurs() -> None:
    reasons = {event.reason for event in sent(6000)[1] if event.tag is Tag.MALFORMED}
    assert reasons == {reason for reason, _ in BAD_USER_EVENTS}


def test_late_events_are_as_late_as_was_asked() -> None:
    traffic, events = sent(4000)
    behind = Counter(
        traffic.event_clock_ms(number) - (event.event_time_ms or 0)
        for number, event in enumerate(events)
        if event.tag is Tag.LATE
    )
    assert set(behind) == set(LATE_BY)
    assert min(behind.values()) > 100


def test_a_copy_has_the_key_of_its_original() -> None:
    originals: dict[bytes | None, bytes | None] = {}
    for event in sent(2000)[1]:
        assert event.tag is not Tag.DUPLICATE or originals[event.value] == event.key
        originals.setdefault(event.value, event.key)


def test_few_users_do_most() -> None:
    users = Counter(event.key for event in sent(6000)[1] if event.tag is Tag.ON_TIME)
    most = sum(count for _, count in users.most_common(20))
    assert 0.2 < most / users.total() < 0.5
    assert len(users) > 500


def test_a_users_events_of_half_an_hour_are_one_session() -> None:
    values = [json.loads(event.value or b"") for event in sent(4000)[1] if event.tag is Tag.ON_TIME]
    sessions: dict[tuple[str, int], set[str]] = {}
    for value in values:
        place = value["user_id"], value["timestamp"] // (30 * MINUTE_MS)
        sessions.setdefault(place, set()).add(value["session_id"])
    assert {len(found) for found in sessions.values()} == {1}
    assert {value["value"] > 0 for value in values if value["action"] == "purchase"} == {True}


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_gives_the_same_events(seed: int) -> None:
    assert sent(300, seed)[1] == sent(300, seed)[1]


def test_the_engine_reads_what_the_oracle_reads() -> None:
    engine = Engine(load_spec(find_spec("user-events")), every_column=True)
    traffic, events = sent(3000)
    loaded = [
        records([event.value], 0, number).set_column(
            2, "timestamp", pa.array([(START + traffic.behind_ms + number * 50) * 1000], pa.timestamp("us", "UTC"))
        )
        for number, event in enumerate(events)
    ]
    engine.load(pa.concat_tables(loaded))
    for number, row in enumerate(engine.parsed().sort_by("_offset").to_pylist()):
        found = parse_user_event(events[number].value, START + traffic.behind_ms + number * 50)
        if isinstance(found, Reject):
            assert row["_reason"] == found.reason
        else:
            value = None if row["value"] is None else int(row["value"] * 1_000_000)
            assert row["_reason"] is None
            assert found == UserEvent(
                row["_t"], row["user_id"], row["action"], value, row["session_id"], row["ip_address"]
            )
