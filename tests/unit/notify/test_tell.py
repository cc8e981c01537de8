"""Telling by the registry's own transitions: what is sent, noted, tried again, and kept apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.keeper_world import BY, STREAM, World
from tideline.keeper.lifecycle import State
from tideline.keeper.verdict import Severity
from tideline.notify.tell import AnyNotice, Channel, tell


@dataclass
class Heard:
    """A notifier that remembers what it was told; a deaf one cannot be reached."""

    texts: list[str] = field(default_factory=list)
    deaf: bool = False

    def send(self, notice: AnyNotice) -> None:
        if self.deaf:
            raise ConnectionError("nobody there")
        self.texts.append(notice.text)


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.deploy()
    found.prove()
    return found


def degrade(world: World) -> None:
    world.beat(troubles=[{"part": "table a", "reason": "x", "since": 0}])
    world.tick()


def test_a_trouble_and_its_end_are_told(world: World) -> None:
    heard = Heard()
    degrade(world)
    assert tell(world.registry, [Channel("ops", heard)]) == [f"ops: {heard.texts[0]}"]
    world.prove()
    tell(world.registry, [Channel("ops", heard)])
    tell(world.registry, [Channel("ops", heard)])
    assert heard.texts == [
        f"[warn] {STREAM} is DEGRADED: PartFails: table a fails: x",
        f"{STREAM} is STABLE again after PartFails: Idle: no backlog",
    ]


def test_a_lost_driver_is_told_by_what_was_the_matter(world: World) -> None:
    heard = Heard()
    world.launcher.end(70)
    world.tick()
    assert world.row.state is State.BACKOFF
    tell(world.registry, [Channel("ops", heard)])
    assert heard.texts == [f"[warn] {STREAM} is UNHEALTHY: DriverLost: the launcher says EXITED, exit status 70"]


def test_a_notifier_that_fails_is_told_later_and_keeps_no_other_waiting(world: World) -> None:
    deaf, heard = Heard(deaf=True), Heard()
    channels = [Channel("deaf", deaf), Channel("ops", heard)]
    degrade(world)
    with pytest.raises(ExceptionGroup, match="could not be sent"):
        tell(world.registry, channels)
    deaf.deaf = False
    tell(world.registry, channels)
    assert len(deaf.texts) == len(heard.texts) == 1


def test_a_notifier_may_want_pages_alone_or_some_streams(world: World) -> None:
    pages, others = Heard(), Heard()
    degrade(world)
    tell(world.registry, [Channel("a", pages, Severity.PAGE), Channel("b", others, streams=frozenset({"others"}))])
    assert not pages.texts + others.texts


def test_a_page_is_told_with_all_that_is_known(world: World) -> None:
    world.launcher.end(65)
    world.tick()
    found: list[dict[str, object]] = []

    class Keep:
        def send(self, notice: AnyNotice) -> None:
            found.append(notice.as_dict())

    tell(world.registry, [Channel("ops", Keep(), Severity.PAGE)])
    (page,) = found
    assert (page["severity"], page["over"], page["actor"], page["dag_run"]) == ("page", False, BY.actor, BY.dag_run)
    assert page["state"] == page["reason"] == State.FAILED
