"""What the platform tells of all streams: from the registry, the heartbeats and the books, and when they are gone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from support.keeper_world import SPEC, STREAM, World
from support.records import log_line, small_spec
from support.scraped import catalogued, get, names_of, scrape, serving, value, values
from tideline.bench.player import Player
from tideline.exporter.books_look import look_at_books
from tideline.exporter.books_seen import BooksSeen
from tideline.exporter.catalogue import LOOK_DURATION, LOOK_FAILURES, LOOKED_AT, PROOF_DUE, Scope
from tideline.exporter.platform_metrics import (
    BOOKS_EVERY_MS,
    BOOKS_KEPT_MS,
    STREAMS_EVERY_MS,
    STREAMS_KEPT_MS,
    PlatformMetrics,
)
from tideline.exporter.service import new_server
from tideline.exporter.streams_look import proof_due
from tideline.home import Home
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.evidence import Unread
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.recording import REPLACED
from tideline.logs.format import JsonLines
from tideline.registry.requests import Request
from tideline.registry.rows import Attempt
from tideline.registry.store import Registry
from tideline.settings import Ports, Settings
from tideline.spec.model import StreamSpec

MANY = "orders-two"
URL = "http://127.0.0.1:4711/metrics"


def at_once(work: Callable[[], None]) -> None:
    work()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def metrics_of(world: World, registry: Registry | None = None, **looks: Any) -> PlatformMetrics:
    return PlatformMetrics(world.home, registry or world.registry, world.clock, at_once, **looks)


def no_registry() -> Registry:
    """One whose database is not there."""
    return Registry(create_engine("sqlite:////nowhere/at/all.db"))


def told(metrics: PlatformMetrics) -> list[Any]:
    return [sample for family in metrics.collect() for sample in family.samples]


def test_a_stream_is_told_with_its_state_and_verdict(world: World) -> None:
    world.deploy()
    world.prove()
    samples = told(metrics_of(world))
    state = {sample.labels["state"]: sample.value for sample in samples if sample.name == "tideline_stream_state"}
    assert {name for name, on in state.items() if on} == {"STABLE"}
    assert len(state) == len(State)
    assert value(samples, "tideline_stream_desired", desired="RUNNING") == 1
    assert value(samples, "tideline_stream_verdict", verdict="Idle", severity="none") == 1
    assert value(samples, "tideline_stream_epoch", stream=STREAM) == 1
    assert value(samples, "tideline_heartbeat_timestamp_seconds", stream=STREAM) == world.clock.now / 1000
    assert value(samples, "tideline_stream_backlog_offsets", stream=STREAM) == 0


def test_a_keepers_last_look_is_told_however_long_ago_it_was(world: World) -> None:
    world.deploy()
    world.prove()
    looked = world.clock.now / 1000
    world.clock.pass_seconds(80_000)
    samples = told(metrics_of(world))
    assert value(samples, "tideline_keeper_look_timestamp_seconds", stream=STREAM) == looked
    assert values(samples, "tideline_stream_backlog_offsets", stream=STREAM) == []


def test_what_is_about_to_be_lost_is_told_while_no_driver_runs(world: World) -> None:
    world.deploy()
    world.prove()
    assert value(told(metrics_of(world)), "tideline_stream_unread_retention_ratio", stream=STREAM) == 0
    world.launcher.end(65)
    world.tick()
    world.log_ends, world.unread = {0: 500}, Unread(0.9, "old")
    world.clock.pass_seconds(60)
    assert world.tick().state is State.FAILED
    samples = told(metrics_of(world))
    assert value(samples, "tideline_stream_unread_retention_ratio", stream=STREAM) == 0.9
    assert values(samples, "tideline_stream_backlog_offsets", stream=STREAM) == []


def test_by_when_a_driver_is_to_be_proved_is_told(world: World) -> None:
    world.deploy()
    submitted = world.clock.now / 1000
    world.clock.pass_seconds(5)
    assert value(told(metrics_of(world)), PROOF_DUE.name, stream=STREAM) == submitted + 180


@pytest.mark.parametrize(
    ("losses", "ended_at", "is_waited_for"), [(0, None, True), (1, None, True), (2, None, False), (0, 1, False)]
)
def test_nothing_is_waited_for_where_the_driver_has_ended_or_two_were_lost_on_the_way(
    world: World, losses: int, ended_at: int | None, is_waited_for: bool
) -> None:
    row = world.deploy()
    attempt = world.registry.current_attempts()[STREAM]
    due = proof_due(replace(row, losses=losses), replace(attempt, ended_at=ended_at), parse_deployed(row.spec))
    assert (due is not None) is is_waited_for


def test_a_transition_is_a_keepers_look_too(world: World) -> None:
    world.deploy()
    assert value(told(metrics_of(world)), "tideline_keeper_look_timestamp_seconds") == world.row.state_since / 1000


def test_every_series_of_the_platform_is_told_and_no_other(tmp_path: Path) -> None:
    world, spec = World(tmp_path), with_detector()
    spec_text = json.dumps(json.loads(spec.model_dump_json(exclude_none=True)))
    world.registry.request(Request("small", Desired.RUNNING, "ann", spec_text, spec.fingerprint()))
    world.deploy()
    world.prove()
    player = Player(world.home.tables("small"), spec)
    player.play(*(log_line(second, "a") for second in range(5)))
    player.play(log_line(100))
    player.play(log_line(1, "b"))
    raised = player.play()
    now = replace(world.clock, now=raised.batch_at_ms)
    metrics = PlatformMetrics(world.home, world.registry, now, at_once)
    with serving(metrics) as server:
        scrape(server.url)
        samples = scrape(server.url)
    assert names_of(samples) == catalogued(Scope.PLATFORM)


def with_detector() -> StreamSpec:
    spec = small_spec().model_dump(mode="json")
    busy = {"kind": "threshold", "metric": "counts", "observed": "request_count", "when": "request_count > 3"}
    return StreamSpec.model_validate(spec | {"detectors": {"busy": busy}})


def test_the_drivers_that_ended_are_counted_and_use_up_the_budget(world: World) -> None:
    row = world.deploy()
    before = value(told(metrics_of(world)), "tideline_restart_budget_left")
    with world.registry._engine.begin() as connection:
        from sqlalchemy import insert

        from tideline.registry import tables

        for epoch, outcome in ((10, "transient"), (11, "hung"), (12, REPLACED), (13, "infrastructure")):
            ended = Attempt(row.name, epoch, 1, "t", "ann", -1, 1, ended_at=world.clock.now, outcome=outcome)
            connection.execute(insert(tables.attempts).values(**vars(ended)))
    samples = told(metrics_of(world))
    ended_by = {
        sample.labels["outcome"]: sample.value
        for sample in samples
        if sample.name == "tideline_attempts_ended_total" and sample.value
    }
    assert ended_by == {"transient": 1, "hung": 1, REPLACED: 1, "infrastructure": 1}
    assert value(samples, "tideline_restart_budget_left") == before - 2
    world.registry.raise_epoch(row.name, row.epoch, floor=13)
    world.registry.request(Request(row.name, Desired.RUNNING, "ann", again=True))
    assert value(told(metrics_of(world)), "tideline_restart_budget_left") == before


def test_a_stream_whose_spec_cannot_be_read_is_told_as_far_as_it_goes(world: World) -> None:
    world.deploy()
    world.registry.request(Request(MANY, Desired.RUNNING, "ann", "name: [", "f"))
    samples = told(metrics_of(world))
    assert value(samples, "tideline_stream_desired", stream=MANY, desired="RUNNING") == 1
    assert values(samples, "tideline_restart_budget_left", stream=MANY) == []


def test_a_target_is_the_driver_of_a_live_stream(world: World) -> None:
    world.deploy()
    world.beat(metrics=URL)
    with serving(metrics_of(world), {"/targets": lambda: ("application/json", metrics_of(world).targets())}) as server:
        status, kind, text = get(server.url.replace("/metrics", "/targets"))
    assert (status, kind.partition(";")[0]) == (200, "application/json")
    assert json.loads(text) == [{"targets": ["127.0.0.1:4711"], "labels": {"stream": STREAM}}]


@pytest.mark.parametrize("facts", [{"epoch": 0, "metrics": URL}, {"metrics": None}])
def test_another_drivers_heartbeat_or_one_without_metrics_is_no_target(world: World, facts: dict[str, Any]) -> None:
    world.deploy()
    world.beat(**facts)
    assert metrics_of(world).targets() == "[]"


def test_a_driver_that_pushes_is_no_target(world: World) -> None:
    pushes = SPEC + "exporter: {pushgateway: 'http://127.0.0.1:9091'}\n"
    world.ask(Desired.RUNNING, pushes)
    world.tick()
    world.beat(metrics=URL)
    assert metrics_of(world).targets() == "[]"


def test_a_stopped_stream_is_no_target(world: World) -> None:
    world.deploy()
    world.beat(metrics=URL)
    world.ask(Desired.STOPPED)
    world.tick()
    world.launcher.end(0)
    world.tick()
    assert world.row.state is State.STOPPED
    assert metrics_of(world).targets() == "[]"


def test_without_the_database_the_rest_is_told_and_targets_go_by_their_own_word(world: World) -> None:
    world.deploy()
    world.beat(metrics=URL)
    metrics = metrics_of(world, no_registry())
    samples = told(metrics)
    assert names_of(samples) == {series.name for series in (LOOK_DURATION, LOOKED_AT, LOOK_FAILURES)}
    assert value(samples, "tideline_exporter_look_failures_total", part="streams") == 1
    assert value(samples, "tideline_exporter_look_failures_total", part="books") == 1
    began = world.clock.now / 1000
    assert looked_at(samples) == {"streams": began, "books": began}
    assert len(json.loads(metrics.targets())) == 1
    world.clock.pass_seconds(16)
    assert json.loads(metrics.targets()) == []
    assert looked_at(told(metrics)) == {"streams": began, "books": began}


def looked_at(samples: list[Any]) -> dict[str, float]:
    """By part."""
    return {sample.labels["part"]: sample.value for sample in samples if sample.name == LOOKED_AT.name}


def test_a_scrape_soon_after_another_asks_nobody(world: World) -> None:
    world.deploy()
    metrics = metrics_of(world)
    told(metrics)
    world.registry.request(Request(MANY, Desired.RUNNING, "ann", SPEC, "f"))
    assert values(told(metrics), "tideline_stream_epoch", stream=MANY) == []
    world.clock.pass_seconds(STREAMS_EVERY_MS / 1000)
    assert values(told(metrics), "tideline_stream_epoch", stream=MANY) == [0]


def test_a_look_that_does_not_come_back_is_not_told_for_ever(world: World) -> None:
    world.deploy()
    waits = iter([True])

    def once(work: Callable[[], None]) -> None:
        if next(waits, False):
            work()

    metrics = PlatformMetrics(world.home, world.registry, world.clock, lambda work: None)
    metrics._streams._wait_s = 0
    metrics._streams._start = once
    assert values(told(metrics), "tideline_stream_epoch") == [1]
    world.clock.pass_seconds(STREAMS_KEPT_MS / 1000 + 1)
    assert values(told(metrics), "tideline_stream_epoch") == []


def test_the_books_of_one_stream_that_fail_hide_no_other(world: World) -> None:
    world.deploy()
    spec = small_spec()
    text = json.dumps(json.loads(spec.model_dump_json(exclude_none=True)))
    world.registry.request(Request("small", Desired.RUNNING, "ann", text, spec.fingerprint()))
    fails = {STREAM}

    def look(home: Home, spec: StreamSpec, now: int) -> BooksSeen:
        if spec.name in fails:
            raise OSError("damaged")
        return look_at_books(home, spec, now)

    began = world.clock.now / 1000
    metrics = metrics_of(world, look_at_books=look)
    world.clock.pass_seconds(5)
    told(metrics)
    samples = told(metrics)
    balanced = [sample.labels["stream"] for sample in samples if sample.name == "tideline_books_balanced"]
    assert balanced == ["small"]
    assert value(samples, "tideline_exporter_look_failures_total", part="books") == 1
    assert looked_at(samples) == {"streams": began + 5, "books": began}
    fails.clear()
    world.clock.pass_seconds(BOOKS_EVERY_MS / 1000)
    told(metrics)
    samples = told(metrics)
    assert len(values(samples, "tideline_books_balanced")) == 2
    assert looked_at(samples)["books"] == world.clock.now / 1000


def test_books_that_cannot_be_read_for_a_moment_are_told_as_they_were(world: World) -> None:
    world.deploy()
    answers = iter([True])

    def once(home: Home, spec: StreamSpec, now: int) -> BooksSeen:
        assert next(answers, False), "damaged"
        return look_at_books(home, spec, now)

    metrics = metrics_of(world, look_at_books=once)
    told(metrics)
    for waited, books in ((BOOKS_EVERY_MS, 1), (BOOKS_KEPT_MS, 0)):
        world.clock.pass_seconds(waited / 1000)
        told(metrics)
        assert len(values(told(metrics), "tideline_books_balanced")) == books


def test_what_is_logged_of_a_streams_books_says_the_stream(world: World) -> None:
    world.deploy()
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("tideline.exporter.platform_metrics")
    logger.addHandler(handler)
    try:
        told(metrics_of(world, look_at_books=damaged))
    finally:
        logger.removeHandler(handler)
    (said,) = [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    assert (said["level"], said["stream"], "damaged" in said["message"]) == ("WARNING", STREAM, True)


def damaged(home: Home, spec: StreamSpec, now: int) -> BooksSeen:
    raise OSError("damaged")


def test_books_that_were_not_looked_at_for_long_are_not_told(world: World) -> None:
    world.deploy()
    metrics = metrics_of(world)
    told(metrics)
    metrics._round._start = lambda work: None
    world.clock.pass_seconds(BOOKS_KEPT_MS / 1000)
    assert len(values(told(metrics), "tideline_books_balanced")) == 1
    world.clock.pass_seconds(1)
    assert values(told(metrics), "tideline_books_balanced") == []


def test_a_stream_that_became_a_job_has_no_books(world: World) -> None:
    world.deploy()
    metrics = metrics_of(world)
    told(metrics)
    assert len(values(told(metrics), "tideline_books_balanced")) == 1
    job = json.dumps({"name": STREAM, "entrypoint": "jobs/basics/word_count.py"})
    world.registry.request(Request(STREAM, Desired.RUNNING, "ann", job, "f"))
    world.clock.pass_seconds(BOOKS_EVERY_MS / 1000)
    told(metrics)
    assert values(told(metrics), "tideline_books_balanced") == []


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/metrics", 405), ("GET", "/", 404), ("GET", "/x", 404)]
)
def test_what_is_not_offered_is_refused(world: World, method: str, path: str, status: int) -> None:
    with serving(metrics_of(world)) as server:
        assert get(server.url.replace("/metrics", path), method)[0] == status


def test_the_service_answers_while_everything_else_is_down(tmp_path: Path) -> None:
    server = new_server(Home(tmp_path), Settings(Ports(database=1, exporter=0)))
    server.start()
    try:
        base = server.url.removesuffix("/metrics")
        assert get(f"{base}/healthz")[::2] == (200, "well\n")
        assert get(f"{base}/targets")[::2] == (200, "[]")
        assert value(scrape(server.url), "tideline_exporter_look_failures_total", part="streams") == 1
    finally:
        server.close()
