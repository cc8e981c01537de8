"""A keeper that dies at each step of a submit: real processes under the real supervisor, a real registry."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import create_engine

from support.fuse import Fuse, Killed
from support.keeper_world import Clock
from support.platform import Platform
from tideline.clock import now_ms
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.epochs import current_epoch
from tideline.keeper.keeper import Keeper
from tideline.keeper.launch import Launch
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.recording import Caller
from tideline.keeper.tools import Tools
from tideline.keeper.witnesses import RealWitnesses
from tideline.launcher.supervised import SupervisorLauncher
from tideline.platform.supervisor import Supervisor
from tideline.platform.waiting import wait_until
from tideline.registry.requests import Request
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.spec.job import Spec

BY = Caller("test")
DEPLOY_STEPS, RESTART_STEPS = 16, 24
"""The calls of registry and launcher that a tick makes for each."""
_SPEC = """\
name: {name}
source: {{topic: {name}}}
watermark: 5 minutes
metrics:
  volume: {{window: 1 minute, measures: {{total: count}}}}
"""


def sleeper(spec: Spec, epoch: int, generation: int, tag: str) -> Launch:
    """A driver that only lives."""
    return Launch([sys.executable, "-c", "import time; time.sleep(600)", tag], {})


class Kept:
    """One stream on the platform, its keepers and its processes."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.name, self.home = name, platform.home
        self.clock = Clock(now_ms())
        self._engine = create_engine(platform.start("database").registry_url)
        self.registry = Registry(self._engine, self.clock)
        self.launcher = SupervisorLauncher(self.home, Supervisor(self.home))
        text = _SPEC.format(name=name)
        self.registry.request(Request(name, Desired.RUNNING, "ann", text, parse_deployed(text).fingerprint()))

    def tick(self, fuse: Fuse | None = None) -> StreamRow:
        """With a keeper of its own, which dies where the fuse blows."""
        registry = fuse.guard(self.registry) if fuse else self.registry
        launcher = fuse.guard(self.launcher) if fuse else self.launcher
        tools = Tools(self.home, registry, launcher, sleeper, jitter=lambda: 0.0)
        return Keeper(tools, RealWitnesses(self.home, launcher, lambda topic: {0: 0}), self.clock).tick(self.name, BY)

    def drivers(self) -> list[str]:
        """The tags of the processes that live, whoever knows of them. One that was forked has its own command line a
        moment later."""
        words = (process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"]))
        return [line[-1] for line in words if line[-1].startswith(f"{self.name}-e")]

    def close(self) -> None:
        self.launcher.kill(self.name)
        Supervisor(self.home).remove_program(f"driver-{self.name}")
        self.registry.close()


@pytest.fixture
def kept(platform: Platform, request: pytest.FixtureRequest) -> Iterator[Kept]:
    stream = Kept(platform, re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-"))
    yield stream
    stream.close()


def assert_one_driver(kept: Kept) -> None:
    for _ in range(2):
        row = kept.tick()
        kept.clock.pass_seconds(40)
    tag = f"{kept.name}-e{current_epoch(kept.home.stream(kept.name).epochs)}"
    assert wait_until(lambda: kept.drivers() == [tag], 30), kept.drivers()
    assert (row.state, f"{kept.name}-e{row.epoch}") == (State.STARTING, tag)


def tick_until_killed(kept: Kept, at: int, after: bool) -> bool:
    """Whether it came to that."""
    fuse = Fuse(at, after)
    try:
        kept.tick(fuse)
    except Killed:
        kept.clock.pass_seconds(200)  # its lease runs out
    assert len(kept.drivers()) <= 1
    return fuse.blown


def kill_the_driver(kept: Kept) -> None:
    tag = f"{kept.name}-e1"
    assert wait_until(lambda: kept.drivers() == [tag], 30)
    (process,) = (each for each in psutil.process_iter(["cmdline"]) if tag in (each.info["cmdline"] or []))
    process.kill()
    assert wait_until(lambda: not kept.launcher.observe(kept.name).alive, 30)  # the supervisor looks once a second


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, DEPLOY_STEPS + 1))
def test_deploy_killed_at_any_step_leaves_one_driver(kept: Kept, at: int, after: bool) -> None:
    assert tick_until_killed(kept, at, after)
    assert_one_driver(kept)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, RESTART_STEPS + 1))
def test_restart_killed_at_any_step_leaves_one_driver(kept: Kept, at: int, after: bool) -> None:
    kept.tick()
    kill_the_driver(kept)
    assert tick_until_killed(kept, at, after)
    assert_one_driver(kept)


def test_whole_deploy_and_restart_have_no_more_steps(kept: Kept) -> None:
    assert not tick_until_killed(kept, DEPLOY_STEPS + 1, after=False)
    kill_the_driver(kept)
    assert not tick_until_killed(kept, RESTART_STEPS + 1, after=False)
