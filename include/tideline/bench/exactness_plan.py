"""What is done to a stream to prove it exact: a pure function of the seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from tideline.bench.exactness_records import Sent, between, random_records
from tideline.bench.exactness_spec import changed_spec, random_spec
from tideline.spec.model import StreamSpec

_EVENTS: Final = (300, 2000)
_LONGEST_PAUSE_S: Final = 1.5


class Act(StrEnum):
    """What happens once a chunk of records has been sent."""

    GO_ON = "go on"
    WAIT = "wait until all is read"
    RESTART = "restart"
    REPLAY = "restart without the last commit"
    KILL = "kill -9"
    KILL_AND_LOSE = "kill -9, and its checkpoint is lost"
    RECONCILE = "reconcile"
    RECONCILE_TWICE = "two reconcilers at once"
    RECONCILE_PARTLY = "reconcile, and publish nothing"
    RECONCILE_KILLED = "reconciler killed -9 after its corrections"
    LOSE_CHECKPOINT = "new generation, checkpoint lost"
    LOSE_STATE = "new generation, state lost"
    CHANGE_SPEC = "new generation, spec changed"


_KILLS: Final = (Act.KILL, Act.KILL_AND_LOSE)
_RESTARTS: Final = (Act.RESTART, Act.REPLAY)
_RECONCILIATIONS: Final = (Act.RECONCILE, Act.RECONCILE_TWICE, Act.RECONCILE_PARTLY, Act.RECONCILE_KILLED)
_GENERATIONS: Final = (Act.LOSE_CHECKPOINT, Act.LOSE_STATE, Act.CHANGE_SPEC)


@dataclass(frozen=True)
class Step:
    """Records to send at once, and what to do `pause_s` seconds later; `spec` comes with a changed one."""

    records: tuple[Sent, ...]
    act: Act
    pause_s: float
    spec: StreamSpec | None = None


@dataclass(frozen=True)
class Plan:
    """One seed's stream, its log and what is done to it on the way."""

    seed: int
    spec: StreamSpec
    steps: tuple[Step, ...]

    @property
    def records(self) -> list[Sent]:
        return [record for step in self.steps for record in step.records]


def make_plan(seed: int) -> Plan:
    """The plan of a seed, the same at any time and anywhere."""
    rng = Random(seed)
    events, partitions = between(rng, *_EVENTS), rng.randint(1, 4)
    spec = random_spec(rng, f"seed-{seed}", events, partitions)
    records = random_records(rng, seed, events, partitions)
    acts = _acts(rng)
    cuts = [0, *sorted(rng.sample(range(1, events), len(acts) - 1)), events]
    steps = []
    for act, begin, end in zip(acts, cuts, cuts[1:], strict=False):
        if act is Act.CHANGE_SPEC:
            changed = changed_spec(rng, spec)
        pause_s = round(rng.uniform(0, _LONGEST_PAUSE_S), 3)
        steps.append(Step(tuple(records[begin:end]), act, pause_s, changed if act is Act.CHANGE_SPEC else None))
    return Plan(seed, spec, tuple(steps))


def _acts(rng: Random) -> list[Act]:
    """Two to nine acts in any order: a kill in every third plan, since a new JVM takes as long as all the rest."""
    acts = [Act.GO_ON, Act.WAIT]
    acts += [rng.choice(_KILLS)] if rng.random() < 1 / 3 else []
    acts += rng.choices(_RESTARTS, k=rng.choice((0, 1, 1, 2)))
    acts += rng.choices(_RECONCILIATIONS, k=rng.randint(1, 3))
    acts += [rng.choice(_GENERATIONS)] if rng.random() < 0.5 else []
    rng.shuffle(acts)
    return acts
