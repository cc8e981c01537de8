"""The registry on the database it really runs on: its locks, its clock, and many keepers at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from support.keeper_world import SPEC
from support.platform import Platform
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.report import stream_rows
from tideline.keeper.samples import Sample
from tideline.keeper.verdict import Severity
from tideline.notify.notice import Notice, Trouble
from tideline.notify.raised import Kind, Raised, RaisedIn
from tideline.notify.tell import AnyNotice, Channel, tell
from tideline.platform.waiting import wait_until
from tideline.registry.fleet_reads import keeper_looks
from tideline.registry.migrate import upgrade
from tideline.registry.requests import Request
from tideline.registry.rows import Move, StaleEpoch, StaleState
from tideline.registry.store import Registry

TOGETHER = 8
FENCING = Move(State.FENCING, "asked for", "ann", {"backlog": 3})


@pytest.fixture(scope="module")
def url(platform: Platform) -> str:
    return platform.start("database").registry_url


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)[:60]


@pytest.fixture
def registry(url: str, stream: str) -> Iterator[Registry]:
    found = Registry.connect(url)
    found.request(Request(stream, Desired.RUNNING, "ann", SPEC, "f"))
    yield found
    found.close()


def how_many(call: Callable[[], object], *refused: type[Exception]) -> int:
    """How many of several that call at once are not refused."""

    def succeeds(_: int) -> bool:
        try:
            return call() is not False
        except refused:
            return False

    with ThreadPoolExecutor(TOGETHER) as pool:
        return sum(pool.map(succeeds, range(TOGETHER)))


def test_a_question_that_takes_too_long_is_an_error(url: str) -> None:
    registry = Registry.connect(url, within_s=1)
    with pytest.raises(OperationalError, match="statement timeout"):
        registry.read(select(func.pg_sleep(60)))
    registry.close()


def test_many_upgrade_at_once(url: str) -> None:
    assert how_many(lambda: upgrade(url)) == TOGETHER


def test_of_many_that_raise_an_epoch_one_succeeds(registry: Registry, stream: str) -> None:
    assert how_many(lambda: registry.raise_epoch(stream, 0), StaleEpoch) == 1
    assert registry.stream(stream).epoch == 1


def test_of_many_that_move_a_stream_one_succeeds(registry: Registry, stream: str) -> None:
    seen = registry.stream(stream)
    assert how_many(lambda: registry.record(seen, FENCING), StaleState) == 1
    assert len(registry.transitions(stream)) == 1


def test_of_many_requests_at_once_none_is_lost(registry: Registry, stream: str) -> None:
    wanted = iter([Desired.RUNNING, Desired.STOPPED] * TOGETHER)
    assert how_many(lambda: registry.request(Request(stream, next(wanted), "ann"))) == TOGETHER


def test_many_may_make_a_stream_known_at_once(registry: Registry, stream: str) -> None:
    new = Request(f"{stream}_2"[-60:], Desired.RUNNING, "ann", SPEC, "f")
    assert how_many(lambda: registry.request(new)) == TOGETHER


def test_of_many_keepers_one_has_the_lease(registry: Registry, stream: str) -> None:
    holders = iter("abcdefgh")
    assert how_many(lambda: registry.leases.take(stream, next(holders), 60_000)) == 1


def test_a_lease_runs_out_by_the_databases_clock(registry: Registry, stream: str) -> None:
    assert registry.leases.take(stream, "a", 300)
    assert not registry.leases.take(stream, "b", 300)
    assert wait_until(lambda: registry.leases.take(stream, "b", 300), 5.0)


def test_the_databases_clock_is_in_milliseconds(registry: Registry) -> None:
    assert abs(registry.now() - time.time() * 1000) < 5000


def test_evidence_comes_back_as_it_was(registry: Registry, stream: str) -> None:
    registry.record(registry.stream(stream), FENCING)
    assert registry.transitions(stream)[0].evidence == {"backlog": 3}


def test_notices_are_told_by_recorded_evidence_and_noted_once(registry: Registry, stream: str) -> None:
    told: list[Notice] = []

    class Keep:
        def send(self, notice: AnyNotice) -> None:
            assert isinstance(notice, Notice)
            told.append(notice)

    warned = {"verdict": "RetentionRisk", "warnings": [{"kind": "RetentionRisk", "severity": "page"}], "driver_log": []}
    for to, evidence in ((State.FENCING, {}), (State.SUBMITTING, {}), (State.STARTING, {}), (State.DEGRADED, warned)):
        registry.record(registry.stream(stream), Move(to, "x", "ann", evidence))
    only = Channel("ops", Keep(), streams=frozenset({stream}))
    for _ in range(2):
        tell(registry, [only])
    assert [notice.trouble for notice in told] == [Trouble("RetentionRisk", Severity.PAGE)]
    registry.record(registry.stream(stream), Move(State.STABLE, "x", "ann"))
    for _ in range(2):
        tell(registry, [only])
    assert [notice.ended for notice in told] == [(), ("RetentionRisk",)]


def test_what_was_raised_is_counted_by_kind_and_told_once(registry: Registry, stream: str) -> None:
    told: list[str] = []

    class Keep:
        def send(self, notice: AnyNotice) -> None:
            told.append(notice.text)

    kind, newest = Kind(stream, RaisedIn.ANOMALIES, "hot"), registry.now() * 1000
    only = Channel("ops", Keep(), streams=frozenset({stream}))
    for version in range(2):
        registry.raised.add(stream, kind.table, version, [Raised(kind, 2, newest + version, "why")])
        tell(registry, [only])
    assert told == [f"[warn] {stream} raised anomaly hot, 2 times, the newest: why"]
    assert registry.raised.since(newest)[stream] == [Raised(kind, 4, newest + 1, "why")]
    assert registry.raised.newest(stream, kind.table) == {"hot": newest + 1}
    assert registry.raised.looked()[stream, "anomalies"] == 1


def test_when_a_keeper_looked_last_is_one_question(registry: Registry, stream: str) -> None:
    for at in (3_000, 2_000):
        registry.add_sample(stream, Sample(at, 1, None, None, None, None, None, None))
    assert keeper_looks(registry)[stream] == 3_000


def test_a_status_row_has_the_keys_that_scripts_rely_on(platform: Platform, registry: Registry, stream: str) -> None:
    rows = {row["name"]: row for row in stream_rows(platform.home, platform.settings)}
    assert rows[stream] == {
        "name": stream,
        "desired": "RUNNING",
        "state": "STOPPED",
        "reason": "never deployed",
        "losses": 0,
        "epoch": 0,
        "generation": 1,
        "batch": None,
        "backlog": None,
        "watermark": None,
        "troubles": [],
        "told": [],
        "ui": None,
    }
