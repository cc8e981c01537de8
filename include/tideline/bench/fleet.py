"""What a fleet costs: one tick of the keeper over many streams that are well, and the parsing of the DAG files.

The database and the broker are real, the drivers pretend. As in a task of Airflow's, no spec is known and no connection
is open when the tick begins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Final

from tideline.bench.fleet_world import KEPT_BATCHES, PARTITIONS, Fleet, PretendLauncher, pretend_launch, spec_text
from tideline.clock import now_ms
from tideline.home import CHECKOUT, Home
from tideline.kafka_access import KafkaAccess
from tideline.keeper.broker_witness import BrokerWitness
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.keeper import Keeper
from tideline.keeper.lifecycle import State
from tideline.keeper.recording import Caller
from tideline.keeper.tools import Tools
from tideline.keeper.witnesses import RealWitnesses
from tideline.registry.store import Registry
from tideline.settings import Settings

Progress = Callable[[str], None]
_BY: Final = Caller("bench")
_A_TICK_MS: Final = 60_000
WEEK_MS: Final = 604_800_000
TICK_S: Final = 10.0
PARSE_S: Final = 2.0
"""A tick over a hundred streams and the parsing of their DAG files take less; of more streams in proportion."""
_PARSE: Final = """
import json, sys, time
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
began = time.perf_counter()
bag = DagBag(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - began, "errors": len(bag.import_errors)}))
"""


@dataclass(frozen=True)
class FleetCost:
    """Seconds of a tick over so many streams, half of which have a backlog, and of parsing all DAG files."""

    streams: int
    tick_s: float
    dags_parse_s: float
    not_stable: int

    @property
    def holds(self) -> bool:
        hundreds = max(self.streams / 100, 1)
        in_time = self.tick_s < TICK_S * hundreds and self.dags_parse_s < PARSE_S * hundreds
        return in_time and not self.not_stable

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class _Clock:
    """The wall clock, moved on from one tick to the next."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


def measure_fleet(home: Home, settings: Settings, streams: int, progress: Progress) -> FleetCost:
    """In a home whose database and broker are up."""
    clock = _Clock()
    fleet, launcher = Fleet.of(home, streams, clock), PretendLauncher()
    progress(f"making {streams} topics, half of them with records")
    _fill_topics(settings.kafka, fleet)
    progress("deploying the streams")
    registry = Registry.connect(settings.registry_url)
    fleet.ask(registry)
    _tick(home, settings, launcher, clock)
    last = KEPT_BATCHES - 1
    fleet.commit(range(KEPT_BATCHES))
    for batch in (last + 1, last + 2):
        clock.ahead_ms += _A_TICK_MS
        fleet.commit([batch])
        _tick(home, settings, launcher, clock)
    clock.ahead_ms += _A_TICK_MS
    fleet.commit([last + 3])
    progress("measuring a tick, then the DAG files")
    tick_s = _tick(home, settings, launcher, clock)
    states = [row.state for row in registry.streams()]
    registry.close()
    return FleetCost(streams, tick_s, parse_dags(home, fleet), sum(state is not State.STABLE for state in states))


def _tick(home: Home, settings: Settings, launcher: PretendLauncher, clock: Callable[[], int]) -> float:
    parse_deployed.cache_clear()
    began = time.perf_counter()
    registry = Registry.connect(settings.registry_url)
    tools = Tools(home, registry, launcher, pretend_launch)
    with closing(registry), closing(BrokerWitness(settings.kafka)) as broker:
        witnesses = RealWitnesses(home, launcher, broker.end_offsets, broker.unread, broker.expect)
        Keeper(tools, witnesses, clock).tick_all(_BY)
    return round(time.perf_counter() - began, 2)


def parse_dags(home: Home, fleet: Fleet) -> float:
    """With a spec file a stream in the spec folder; without a database, which parsing needs none of."""
    folder = home.root / "specs"
    folder.mkdir(parents=True)
    for name in fleet.names:
        (folder / f"{name}.yaml").write_text(spec_text(name))
    airflow = {"AIRFLOW_HOME": str(home.root / "airflow-bench"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    airflow |= {"AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"), "TIDELINE_STREAMS": str(folder)}
    command = [sys.executable, "-c", _PARSE, str(CHECKOUT / "dags")]
    done = subprocess.run(command, env={**os.environ, **airflow}, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["errors"]:
        raise RuntimeError(f"{found['errors']} DAG files cannot be parsed")
    return round(float(found["seconds"]), 2)


def _fill_topics(kafka: KafkaAccess, fleet: Fleet) -> None:
    from kafka import KafkaProducer

    from tideline.kafka_client import admin

    with admin(kafka) as client:
        wanted = {
            name: {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": {"retention.ms": WEEK_MS}}
            for name in fleet.names
        }
        client.create_topics(wanted, wait_for_metadata=True)
    producer = KafkaProducer(**kafka.client())
    for name in fleet.names[::2]:
        for partition in range(PARTITIONS):
            producer.send(name, b"{}", partition=partition)
    producer.flush()
    producer.close()
