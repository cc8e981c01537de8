"""Many streams for one keeper: real rows, checkpoints and heartbeats, and drivers that only pretend to run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tideline.home import Home
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.epochs import tag_of
from tideline.keeper.launch import Launch
from tideline.keeper.lifecycle import Desired
from tideline.launcher.base import LauncherState, Phase
from tideline.registry.requests import Request
from tideline.registry.store import Registry
from tideline.spec.job import Spec

PARTITIONS = 3
KEPT_BATCHES = 100
"""As many as Spark keeps entries of."""
_SPEC = """\
name: {name}
source: {{topic: {name}}}
watermark: 5 minutes
trigger: 10 seconds
metrics:
  volume: {{window: 1 minute, keys: [service], measures: {{total: count, slow: count_if(response_time > 500)}}}}
  load: {{window: 5 minutes, keys: [service], measures: {{mean: avg(response_time), users: count_distinct(user_id)}}}}
"""


def spec_text(name: str) -> str:
    """A stream with a topic of its name."""
    return _SPEC.format(name=name)


@dataclass
class PretendLauncher:
    """Hosts a driver a stream that does nothing and never ends by itself."""

    states: dict[str, LauncherState] = field(default_factory=dict)

    def submit(self, stream: str, tag: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.states[stream] = LauncherState(Phase.RUNNING, tag=tag, pid=len(self.states) + 1)

    def observe(self, stream: str) -> LauncherState:
        return self.states.get(stream, LauncherState(Phase.ABSENT))

    def stop(self, stream: str, grace_ms: int) -> None:
        self.kill(stream)

    def kill(self, stream: str) -> None:
        if stream in self.states:
            self.states[stream] = replace(self.states[stream], phase=Phase.EXITED, exit_status=-1)


def pretend_launch(spec: Spec, epoch: int, generation: int, tag: str) -> Launch:
    return Launch(["true", tag], {})


@dataclass(frozen=True)
class Fleet:
    """Streams of one home, all well; `clock` is the keeper's (epoch ms)."""

    home: Home
    names: Sequence[str]
    clock: Callable[[], int]

    @classmethod
    def of(cls, home: Home, streams: int, clock: Callable[[], int]) -> Fleet:
        return cls(home, [f"fleet-{number:03}" for number in range(streams)], clock)

    def ask(self, registry: Registry) -> None:
        """Wants all of them RUNNING."""
        for name in self.names:
            text = spec_text(name)
            registry.request(Request(name, Desired.RUNNING, "bench", text, parse_deployed(text).fingerprint()))

    def commit(self, batches: Sequence[int]) -> None:
        """The drivers commit these batches now, without having read anything, and say so."""
        for name in self.names:
            self._commit(name, batches)
            self._beat(name, batches[-1])

    def _commit(self, name: str, batches: Sequence[int]) -> None:
        facts = json.dumps({"batchWatermarkMs": 0, "batchTimestampMs": self.clock(), "conf": {}})
        ends = json.dumps({name: dict.fromkeys(map(str, range(PARTITIONS)), 0)})
        for folder, text in (("offsets", f"v1\n{facts}\n{ends}"), ("commits", "v1\n{}")):
            place = self.home.stream(name).checkpoint(1) / folder
            place.mkdir(parents=True, exist_ok=True)
            for batch in batches:
                (place / str(batch)).write_text(text)
                os.utime(place / str(batch), (self.clock() / 1000, self.clock() / 1000))

    def _beat(self, name: str, batch: int) -> None:
        now = self.clock()
        said = {"stream": name, "epoch": 1, "generation": 1, "tag": tag_of(name, 1), "at": now, "state": "running"}
        said |= {"batch": batch, "batch_at": now, "batch_ms": 100, "progress_at": now, "idle_triggers": 0}
        self.home.stream(name).heartbeat.write_text(json.dumps(said))
