"""A look at two hundred streams: real rows, checkpoints and heartbeats, and what it asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from support.keeper_world import Clock
from tideline.bench.fleet_world import PARTITIONS, Fleet
from tideline.home import Home
from tideline.keeper.report import LogEnds, see
from tideline.page.fleet import Fleet as NoStreams
from tideline.page.fleet_look import FleetLook
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.registry.tables import metadata
from tideline_airflow.page_templates import Place, render

STREAMS = 200


class Watched:
    """A registry of many streams, what it was asked, and a broker that holds five offsets a partition."""

    def __init__(self, root: Path) -> None:
        self.clock, self.home, self.statements, self.asked = Clock(), Home(root), 0, 0
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        metadata.create_all(engine)
        self.registry = Registry(engine, self.clock)
        self.fleet = Fleet.of(self.home, STREAMS, self.clock)
        self.fleet.ask(self.registry)
        self.fleet.commit([0, 1])
        event.listen(engine, "before_cursor_execute", self._count)
        self.look = FleetLook(self.home, self.open, self.ends, self.clock)

    def _count(self, *_: object) -> None:
        self.statements += 1

    @contextmanager
    def open(self) -> Iterator[Registry]:
        yield self.registry

    def ends(self, rows: Sequence[StreamRow]) -> LogEnds:
        self.asked += 1
        return {row.name: dict.fromkeys(range(PARTITIONS), 5) for row in rows}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return Watched(tmp_path_factory.mktemp("fleet"))


def test_a_page_of_two_hundred_streams_is_asked_for_in_a_few_questions(watched: Watched) -> None:
    fleet = watched.look.fleet()
    html = render("fleet.html", Place("/tideline", watched.clock.now), title="Streams", fleet=fleet, etag="x")
    assert {(row.backlog, row.batch) for row in fleet.rows} == {(5 * PARTITIONS, 1)}
    assert html.count("<tr data-key=") == STREAMS
    # The rows, twice: for the page and for the broker. The keeper's looks, the slots and the restarts.
    assert (watched.statements, watched.asked) == (5, 1)


def test_who_looks_within_a_second_shares_the_look(watched: Watched) -> None:
    watched.clock.pass_seconds(2)
    before = watched.look.fleet()
    watched.clock.pass_seconds(0.5)
    assert watched.look.fleet() is before
    watched.clock.pass_seconds(0.6)
    assert watched.look.fleet() is not before


def test_a_spec_that_this_version_cannot_read_hides_no_stream(watched: Watched) -> None:
    row = replace(watched.registry.streams()[0], spec="name: old\nno_such_key: 1\n")
    seen = see(watched.home, {}, {}, row, watched.clock.now)
    assert (seen.backlog, seen.row.name) == (None, row.name)
    (told,) = seen.told
    assert "cannot read its deployed spec: mend and deploy it again" in told and "no_such_key" in told
    assert seen.as_dict()["told"] == seen.told


def test_a_page_without_streams_waits_for_the_first(watched: Watched) -> None:
    html = render("fleet.html", Place("/tideline", watched.clock.now), title="Streams", fleet=NoStreams(()), etag="x")
    assert "No stream was deployed yet" in html and 'id="streams" data-fresh=' in html and "<tr data-key=" not in html
