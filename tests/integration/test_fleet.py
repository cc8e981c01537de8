"""A hundred streams under one keeper, in a real registry and with real checkpoints: what a tick does for each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text

from support.keeper_world import Clock
from support.platform import Platform
from tideline.bench.fleet import TICK_S
from tideline.bench.fleet_world import KEPT_BATCHES, PARTITIONS, Fleet, PretendLauncher, pretend_launch
from tideline.home import Home
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.keeper import Keeper
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.recording import Caller
from tideline.keeper.together import Together
from tideline.keeper.tools import Tools
from tideline.keeper.witnesses import RealWitnesses
from tideline.registry.requests import Request
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry

STREAMS = 100
STATEMENTS = 8
"""At most, of a well stream's in a tick: the lease taken, by the clock, and given back; its row, its attempt, its
samples; the old ones removed, and one more kept."""
BY = Caller("test")
MINUTE_S = 60.0


@dataclass
class Broker:
    """Every topic is empty; counts how often it is asked."""

    asked: list[frozenset[str]] = field(default_factory=list)

    def __call__(self, topics: frozenset[str]) -> Mapping[str, Mapping[int, int]]:
        self.asked.append(topics)
        return {topic: dict.fromkeys(range(PARTITIONS), 0) for topic in topics}


class Kept:
    """A fleet that was deployed and proved, and its keeper."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.clock, self.broker, self.launcher = Clock(), Broker(), PretendLauncher()
        self.registry = Registry(engine, self.clock)
        self.statements = 0
        event.listen(engine, "before_cursor_execute", self._count)
        self.fleet = Fleet.of(Home(root), STREAMS, self.clock)
        self.fleet.ask(self.registry)
        self.tick()
        self.batch = KEPT_BATCHES - 1
        self.fleet.commit(range(KEPT_BATCHES))
        self.pass_a_minute()
        self.tick()

    def _count(self, *_: object) -> None:
        self.statements += 1

    def pass_a_minute(self) -> None:
        self.clock.pass_seconds(MINUTE_S)
        self.batch += 1
        self.fleet.commit([self.batch])

    def tick(self) -> list[StreamRow]:
        """As a new task of Airflow's does it."""
        ends = Together(self.broker, self.clock)
        tools = Tools(self.fleet.home, self.registry, self.launcher, pretend_launch)
        witnesses = RealWitnesses(self.fleet.home, self.launcher, ends, expect=ends.expect)
        return Keeper(tools, witnesses, self.clock).tick_all(BY)

    def statements_of_a_tick(self) -> int:
        self.pass_a_minute()
        self.statements = 0
        self.tick()
        return self.statements


@pytest.fixture(scope="module")
def engine(platform: Platform) -> Iterator[Engine]:
    """A registry of these tests' own beside the platform's."""
    from tideline.registry.migrate import upgrade

    settings = platform.start("database")
    admin = create_engine(settings.registry_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("create database fleet"))
    url = settings.registry_url.rpartition("/")[0] + "/fleet"
    upgrade(url)
    engine = create_engine(url, pool_pre_ping=True, pool_size=1, max_overflow=2)
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text("drop database fleet"))
    admin.dispose()


@pytest.fixture(scope="module")
def kept(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("fleet"), engine)


def test_no_stream_is_skipped(kept: Kept) -> None:
    kept.pass_a_minute()
    rows = kept.tick()
    assert [row.name for row in rows] == kept.fleet.names
    assert {row.state for row in rows} == {State.STABLE}
    assert len(kept.launcher.states) == STREAMS


def test_a_tick_over_the_fleet_is_in_time(kept: Kept) -> None:
    def seconds() -> float:
        kept.pass_a_minute()
        parse_deployed.cache_clear()  # a task of Airflow's knows no spec
        began = time.perf_counter()
        kept.tick()
        return time.perf_counter() - began

    assert any(seconds() < TICK_S for _ in range(2))


def test_the_broker_is_asked_once_for_all(kept: Kept) -> None:
    kept.pass_a_minute()
    kept.broker.asked.clear()
    kept.tick()
    assert kept.broker.asked == [frozenset(kept.fleet.names)]


def test_what_a_tick_asks_the_registry_is_bounded_and_does_not_grow(kept: Kept) -> None:
    before = kept.statements_of_a_tick()
    for _ in range(5):
        kept.pass_a_minute()
        kept.tick()
    assert kept.statements_of_a_tick() == before <= STREAMS * STATEMENTS + 5


def test_a_tick_holds_one_connection(kept: Kept, engine: Engine) -> None:
    made: list[object] = []
    event.listen(engine, "connect", lambda *given: made.append(given))
    kept.statements_of_a_tick()
    assert made == []


def test_one_broken_stream_does_not_stop_the_others(kept: Kept) -> None:
    broken, gone = kept.fleet.names[7], kept.fleet.names[8]
    kept.registry.request(Request(broken, Desired.RUNNING, "ann", "name: [", "f"))
    offsets = kept.fleet.home.stream(gone).checkpoint(1) / "offsets"
    kept.pass_a_minute()
    for entry in offsets.iterdir():
        entry.write_text("v9\n{}\n{}")
    with pytest.raises(ExceptionGroup) as failed:
        kept.tick()
    assert len(failed.value.exceptions) == 1, "a checkpoint that cannot be read is a witness that says nothing"
    others = [row for row in kept.registry.streams() if row.name not in (broken, gone)]
    assert {(row.state, kept.clock.now - _looked_at(kept, row)) for row in others} == {(State.STABLE, 0)}


def _looked_at(kept: Kept, row: StreamRow) -> int:
    return kept.registry.samples(row.name, 0)[-1].at
