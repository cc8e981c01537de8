"""What the tables raise, as notices: which are due, what is counted, and what it costs to look."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.keeper_world import STREAM
from support.raising import Shop
from tideline.keeper.verdict import Severity
from tideline.notify.collect import log_version
from tideline.notify.decide import MUTED_MS, NEWS_MS
from tideline.notify.raised import Kind, Raised, RaisedIn, RaisedNotice, ToldOf, due_raised
from tideline.notify.tell import AnyNotice, Channel, tell

MINUTE = 60_000
HOT, SPIKE = Kind(STREAM, RaisedIn.ANOMALIES, "hot"), Kind(STREAM, RaisedIn.ANOMALIES, "spike")
LATE = Kind(STREAM, RaisedIn.LATE_ALERTS, "user_id")


@dataclass
class Heard:
    """A notifier that remembers what it was told; a deaf one cannot be reached."""

    notices: list[AnyNotice] = field(default_factory=list)
    deaf: bool = False

    def send(self, notice: AnyNotice) -> None:
        if self.deaf:
            raise ConnectionError("nobody there")
        self.notices.append(notice)

    @property
    def texts(self) -> list[str]:
        return [notice.text for notice in self.notices]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_an_anomaly_is_told_once(shop: Shop) -> None:
    heard = Heard()
    shop.judge("hot", '["ann"]')
    for _ in range(2):
        shop.tell(Channel("ops", heard))
    window = "[2023-11-14T22:12:00Z, 2023-11-14T22:13:00Z)"
    words = f'clicks of ["ann"] was 61.5 in {window}, where 4.5 was expected'
    assert heard.texts == [f"[warn] {STREAM} raised anomaly hot: {words}"]
    assert heard.notices[0].as_dict()["reason"] == "Anomaly hot"


def test_a_late_alert_is_told_once_and_not_again_when_it_counts_more(shop: Shop) -> None:
    heard = Heard()
    shop.alert("ann")
    shop.tell(Channel("ops", heard))
    shop.world.clock.pass_seconds(2_000)
    shop.alert("ann", 9, ago=2_000)
    shop.tell(Channel("ops", heard))
    said = "ann had 6 late events in [2023-11-14T22:00:00Z, 2023-11-14T23:00:00Z), the earliest of 2023-11-14T22:00:01Z"
    assert heard.texts == [f"[warn] {STREAM} raised late alert user_id: {said}"]


def test_what_is_raised_within_half_an_hour_is_told_at_its_end_with_its_number(shop: Shop) -> None:
    heard = Heard()
    shop.judge("hot", "[1]")
    shop.tell(Channel("ops", heard))
    for _ in range(3):
        shop.world.clock.pass_seconds(300)
        shop.judge("hot", "[1]", "[2]")
        shop.tell(Channel("ops", heard))
    assert len(heard.texts) == 1
    shop.world.clock.pass_seconds(900)
    shop.tell(Channel("ops", heard))
    assert [text.split(": ")[0] for text in heard.texts[1:]] == [
        f"[warn] {STREAM} raised anomaly hot, 6 times, the newest"
    ]


def test_one_kind_mutes_no_other(shop: Shop) -> None:
    heard = Heard()
    shop.judge("hot", "[1]")
    shop.tell(Channel("ops", heard))
    shop.judge("spike", "[1]")
    shop.alert("ann")
    shop.tell(Channel("ops", heard))
    assert [notice.as_dict()["reason"] for notice in heard.notices] == [
        "Anomaly hot", "Anomaly spike", "LateAlert user_id"
    ]  # fmt: skip


def test_a_notifier_that_fails_is_told_later_and_keeps_no_other_waiting(shop: Shop) -> None:
    deaf, heard = Heard(deaf=True), Heard()
    channels = [Channel("deaf", deaf), Channel("ops", heard)]
    shop.judge("hot", "[1]")
    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="could not be sent"):
            shop.tell(*channels)
    deaf.deaf = False
    shop.tell(*channels)
    assert len(deaf.texts) == len(heard.texts) == 1


def test_what_was_withdrawn_before_the_look_is_not_told(shop: Shop) -> None:
    shop.judge("hot", "[1]")
    shop.judge("hot", "[1]", found=False)
    shop.collect()
    assert shop.counts == {}


def test_what_is_raised_again_after_it_was_withdrawn_is_new(shop: Shop) -> None:
    for found in (True, False, True):
        shop.judge("hot", "[1]", found=found)
        shop.collect()
        shop.world.clock.pass_seconds(1)
    assert shop.counts == {"hot": 2}


def test_another_kind_that_a_slower_writer_raised_is_found(shop: Shop) -> None:
    shop.judge("hot", "[1]")
    shop.collect()
    shop.judge("spike", "[1]", ago=20)
    shop.collect()
    assert shop.counts == {"hot": 1, "spike": 1}


def test_what_was_raised_more_than_a_day_before_the_first_look_is_no_news(shop: Shop) -> None:
    shop.judge("hot", "[1]", ago=86_401)
    shop.judge("spike", "[1]", ago=86_399)
    shop.collect()
    assert shop.counts == {"spike": 1}


def test_a_look_that_was_cut_off_before_it_was_noted_counts_nothing_twice(shop: Shop) -> None:
    shop.judge("hot", "[1]")
    shop.collect()
    shop.world.registry.raised.add(STREAM, RaisedIn.ANOMALIES, -1, [])
    shop.collect()
    assert shop.counts == {"hot": 1}


def test_a_table_that_has_not_changed_is_not_opened(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.judge("hot", "[1]")
    shop.collect()
    for file in shop.tables.anomalies.glob("*.parquet"):
        file.unlink()
    shop.collect()
    assert caplog.messages == []


def test_a_table_that_cannot_be_read_is_told_in_the_log_and_keeps_no_other_waiting(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.judge("hot", "[1]")
    shop.alert("ann")
    for file in shop.tables.late_alerts.glob("*.parquet"):
        file.unlink()
    shop.collect()
    assert caplog.messages == [f"{STREAM}: the table late_alerts cannot be looked at"]
    assert shop.counts == {"hot": 1}


def test_a_stream_without_tables_has_raised_nothing(shop: Shop) -> None:
    assert log_version(shop.tables.anomalies) is None
    shop.collect()
    assert shop.counts == {}


def test_a_table_that_was_made_anew_is_looked_at(shop: Shop) -> None:
    for key in ("[1]", "[2]"):
        shop.judge("hot", key)
    shop.collect()
    shutil.rmtree(shop.tables.anomalies)
    shop.world.clock.pass_seconds(1)
    shop.judge("hot", "[3]")
    shop.collect()
    assert shop.counts == {"hot": 3}


def test_texts_from_anyone_are_escaped_and_cut(shop: Shop) -> None:
    heard = Heard()
    shop.alert("\x1b[31m" + "x" * 500)
    shop.tell(Channel("ops", heard))
    assert r"\x1b[31mxxx" in heard.texts[0]
    assert len(heard.texts[0]) < 500


def test_transitions_are_told_before_the_tables_are_looked_at(shop: Shop) -> None:
    heard = Heard()
    shop.world.prove()
    shop.world.launcher.end(65)
    shop.world.tick()

    def hangs(streams: Iterable[str]) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        tell(shop.world.registry, [Channel("ops", heard)], hangs)
    assert f"[page] {STREAM} is FAILED" in heard.texts[-1]


def raised(kind: Kind, count: int, minute: float = 0) -> Raised:
    return Raised(kind, count, int(minute * MINUTE * 1000), "why")


def due(count: int, told: ToldOf | None, minute: float, least: Severity = Severity.WARN) -> list[int]:
    """Of how many it is told at a minute, if so many were raised at the first."""
    known = {} if told is None else {HOT: told}
    return [each.new for each in due_raised(ROW, [raised(HOT, count)], known, int(minute * MINUTE), least)]


ROW: Any = None


@pytest.mark.parametrize(
    ("count", "told", "minute", "new"),
    [
        (3, None, 0, [3]),
        (3, ToldOf(3, 0), 60, []),
        (5, ToldOf(3, 0), 29, []),
        (5, ToldOf(3, 0), 30, [2]),
        (5, None, NEWS_MS / MINUTE, [5]),
        (5, None, NEWS_MS / MINUTE + 1, []),
    ],
)
def test_what_is_due(count: int, told: ToldOf | None, minute: float, new: list[int]) -> None:
    assert due(count, told, minute) == new


def test_who_wants_pages_hears_of_none_of_it() -> None:
    assert due(3, None, 0, Severity.PAGE) == []


TICKS = st.lists(
    st.tuples(st.integers(1, 25), st.sets(st.sampled_from([HOT, SPIKE, LATE])), st.booleans()), max_size=30
)


@settings(max_examples=300, deadline=None)
@given(TICKS)
def test_each_is_told_once_and_no_kind_twice_in_half_an_hour(ticks: list[tuple[int, set[Kind], bool]]) -> None:
    known: dict[Kind, Raised] = {}
    told: dict[Kind, ToldOf] = {}
    sent: list[tuple[int, RaisedNotice]] = []
    minute = 0
    for passed, kinds, broken in [*ticks, (1, set(), False), (31, set(), False)]:
        minute += passed
        for kind in kinds:
            known[kind] = raised(kind, known[kind].count + 1 if kind in known else 1, minute)
        for notice in [] if broken else due_raised(ROW, list(known.values()), told, minute * MINUTE):
            sent.append((minute * MINUTE, notice))
            told[notice.raised.kind] = ToldOf(notice.raised.count, minute * MINUTE)
    for kind, each in known.items():
        times = [at for at, notice in sent if notice.raised.kind == kind]
        assert all(after - before >= MUTED_MS for before, after in pairwise(times))
        assert sum(notice.new for _, notice in sent if notice.raised.kind == kind) == each.count
