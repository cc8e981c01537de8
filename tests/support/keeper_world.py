"""A world for the keeper in memory: a launcher, a clock and a registry, with real files in a home."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from tideline.home import Home
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.evidence import Unread
from tideline.keeper.keeper import Keeper
from tideline.keeper.launch import Launch
from tideline.keeper.lifecycle import Desired
from tideline.keeper.recording import Caller
from tideline.keeper.tools import Tools
from tideline.keeper.watch import Watch
from tideline.keeper.witnesses import RealWitnesses
from tideline.launcher.base import DriverStillThere, LauncherState, LauncherUnreachable, Phase
from tideline.registry.requests import Request
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.registry.tables import metadata
from tideline.spec.job import Spec

STREAM = "orders"
TOPIC = "orders-topic"
SPEC = f"""
name: {STREAM}
source: {{topic: {TOPIC}}}
watermark: 5 minutes
trigger: 2 seconds
metrics:
  volume: {{window: 1 minute, measures: {{total: count}}}}
"""
BY = Caller("test", "run-1")


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: int = 1_700_000_000_000

    def __call__(self, *_: object) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@dataclass
class FakeLauncher:
    """Hosts pretended drivers and tells of the newest; `live` are the tags of those that live: a second one beside the
    first is hosted as well, unless that is one of the `unkillable`. An unreachable launcher answers nothing."""

    state: LauncherState = field(default_factory=lambda: LauncherState(Phase.ABSENT))
    reachable: bool = True
    unkillable: bool = False
    submits: list[str] = field(default_factory=list)
    live: set[str] = field(default_factory=set)

    def submit(self, stream: str, tag: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        if self.observe(stream).alive and self.unkillable:
            raise DriverStillThere("it still runs")
        self.submits.append(tag)
        self.live.add(tag)
        self.state = LauncherState(Phase.RUNNING, tag=tag, pid=len(self.submits))

    def observe(self, stream: str) -> LauncherState:
        if not self.reachable:
            raise LauncherUnreachable("no answer")
        return self.state

    def stop(self, stream: str, grace_ms: int) -> None:
        self.kill(stream)

    def kill(self, stream: str) -> None:
        if self.observe(stream).alive and not self.unkillable:
            self.end(-1)
            self.live.clear()

    def end(self, exit_status: int) -> None:
        """The driver ends by itself."""
        self.live.discard(self.state.tag or "")
        self.state = replace(self.state, phase=Phase.EXITED, exit_status=exit_status)


def sqlite_registry(clock: Callable[..., int]) -> Registry:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    return Registry(engine, clock)


class World:
    """One stream, and all a keeper needs to keep it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.clock = Clock()
        self.launcher = FakeLauncher()
        self.registry = sqlite_registry(self.clock)
        self.log_ends: Mapping[int, int] | None = {0: 0}
        self.unread: Unread | None = None
        self.built: list[str] = []
        self.keeper = self.new_keeper()

    def new_keeper(self, registry: Any = None, launcher: Any = None) -> Keeper:
        registry, launcher = registry or self.registry, launcher or self.launcher
        tools = Tools(self.home, registry, launcher, self.build, jitter=lambda: 0.0)
        witnesses = RealWitnesses(self.home, launcher, self.end_offsets, lambda topic, ends: self.unread)
        return Keeper(tools, witnesses, self.clock)

    def new_watch(self) -> Watch:
        return Watch(self.registry, RealWitnesses(self.home, self.launcher, lambda topic: {}), self.clock)

    def build(self, spec: Spec, epoch: int, generation: int, tag: str) -> Launch:
        self.built.append(tag)
        return Launch(["driver", tag], {})

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        if self.log_ends is None:
            raise ConnectionError("no broker")
        return self.log_ends

    @property
    def row(self) -> StreamRow:
        return self.registry.stream(STREAM)

    def ask(self, desired: Desired, spec: str | None = None) -> None:
        self.registry.request(Request(STREAM, desired, "someone", spec, spec and parse_deployed(spec).fingerprint()))

    def tick(self) -> StreamRow:
        return self.keeper.tick(STREAM, BY)

    def deploy(self) -> StreamRow:
        self.ask(Desired.RUNNING, SPEC)
        return self.tick()

    def beat(self, **facts: Any) -> None:
        """The running driver's heartbeat, just now."""
        now = self.clock.now
        said = {"stream": STREAM, "epoch": self.row.epoch, "generation": 1, "tag": self.launcher.state.tag}
        said |= {"at": now, "state": "running", "idle_triggers": 0, "progress_at": now, **facts}
        self.home.stream(STREAM).root.mkdir(parents=True, exist_ok=True)
        self.home.stream(STREAM).heartbeat.write_text(json.dumps(said))

    def commit(self, batch: int, end: int, watermark: int = 0) -> None:
        """A batch in the checkpoint, committed now, that reads up to `end`."""
        folder = self.home.stream(STREAM).checkpoint(self.row.generation)
        for name in ("offsets", "commits"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        facts = json.dumps({"batchWatermarkMs": watermark, "batchTimestampMs": self.clock.now, "conf": {}})
        self._write(folder / "offsets" / str(batch), f"v1\n{facts}\n{json.dumps({TOPIC: {'0': end}})}")
        self._write(folder / "commits" / str(batch), "v1\n{}")

    def plan(self, batch: int, end: int) -> None:
        """A batch that has begun now, and is not committed."""
        self.commit(batch, end)
        (self.home.stream(STREAM).checkpoint(self.row.generation) / "commits" / str(batch)).unlink()

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text)
        os.utime(file, (self.clock.now / 1000, self.clock.now / 1000))

    def prove(self) -> StreamRow:
        """Three batches more, and everything read: STABLE."""
        folder = self.home.stream(STREAM).checkpoint(1) / "commits"
        done = max((int(file.name) for file in folder.glob("*")), default=-1)
        for batch in range(done + 1, done + 4):
            self.commit(batch, end=0)
        self.beat(batch=done + 3, batch_at=self.clock.now)
        return self.tick()

    def path(self) -> list[str]:
        """The states the stream went through, oldest first."""
        return [str(row.to_state) for row in reversed(self.registry.transitions(STREAM, 1000))]
