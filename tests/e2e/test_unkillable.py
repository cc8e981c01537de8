"""A driver that its launcher loses alive, and that wakes once another has its place: it leaves the tables alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest
from deltalake import DeltaTable

from support.platform import Platform
from support.records import log_line, small_spec
from support.stopped import family, go_on, stand_still
from tideline.demo.loss import require_pid
from tideline.demo.watch import all_ledgered, wait_for
from tideline.kafka_io import end_offsets
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.keeper import Keeper
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.recording import Caller
from tideline.keeper.tools import Tools
from tideline.keeper.verdict import Kind
from tideline.keeper.witnesses import RealWitnesses
from tideline.launcher.supervised import SupervisorLauncher
from tideline.platform.processes import end_all
from tideline.platform.supervisor import ProgramState, Supervisor
from tideline.produce.sender import Sender
from tideline.registry.requests import Request
from tideline.registry.store import Registry
from tideline.verify import verify_stream
from tideline_airflow.driver_launch import DriverLaunch
from tideline_spark.exits import Exit

STREAM = "unkillable"
pytestmark = pytest.mark.slow  # minutes of waiting for clocks
BY = Caller("test")


class Loses:
    """A supervisor whose kill fails: it takes the program for ended and forgets it, and hosts the next elsewhere."""

    def __init__(self, programs: Supervisor) -> None:
        self._programs = programs
        self.lost = 0

    def add_program(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._programs.add_program(self._place(name), command, environment, log)

    def stop_program(self, name: str, timeout: float = 30.0) -> ProgramState:
        return self.kill(name)

    def kill(self, name: str) -> ProgramState:
        self.lost += self.state(name).alive
        return self.state(name)

    def state(self, name: str) -> ProgramState:
        return self._programs.state(self._place(name))

    def _place(self, name: str) -> str:
        return f"{name}-{self.lost}"


class Kept:
    """The stream under a keeper of this process; Airflow knows nothing of it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.home, self.kafka = platform.home, platform.settings.kafka
        self.registry = Registry.connect(platform.settings.registry_url)
        self.programs = Loses(Supervisor(self.home))
        launcher = SupervisorLauncher(self.home, self.programs)
        witnesses = RealWitnesses(self.home, launcher, lambda topic: end_offsets(self.kafka, topic))
        self.keeper = Keeper(Tools(self.home, self.registry, launcher, DriverLaunch(self.home, self.kafka)), witnesses)

    def tick_until(self, epoch: int, state: State, seconds: float) -> None:
        def reached() -> bool | None:
            row = self.keeper.tick(STREAM, BY)
            return (row.epoch == epoch and row.state is state) or None

        wait_for(f"{STREAM} {state} at epoch {epoch}", reached, seconds, pause=1)

    def driver(self, number: int) -> list[psutil.Process]:
        return family(require_pid(Supervisor(self.home).state(f"driver-{STREAM}-{number}"), STREAM))

    def versions(self) -> dict[str, int]:
        """Of every table of the stream."""
        logs = self.home.tables(STREAM).glob("*/_delta_log")
        return {log.parent.name: DeltaTable(str(log.parent)).version() for log in logs}


@pytest.fixture
def kept(platform: Platform) -> Iterator[Kept]:
    stream = Kept(platform)
    yield stream
    for number in (0, 1):
        Supervisor(stream.home).remove_program(f"driver-{STREAM}-{number}")
    stream.registry.close()


def test_a_lost_driver_that_wakes_is_superseded_and_changes_no_table(kept: Kept) -> None:
    given = small_spec()
    source = given.source.model_copy(update={"topic": STREAM})
    health = given.health.model_copy(update={"hung_after": 30_000})
    spec = given.model_copy(update={"name": STREAM, "source": source, "trigger": 1_000, "health": health})
    text = spec.model_dump_json(exclude_none=True)
    kept.registry.request(Request(STREAM, Desired.RUNNING, "ann", text, parse_deployed(text).fingerprint()))
    with Sender(kept.kafka, STREAM) as sender:
        for second in range(0, 60, 5):
            sender.send(log_line(second))
    kept.tick_until(1, State.STABLE, 180)
    first = kept.driver(0)
    stand_still(first)
    try:
        with Sender(kept.kafka, STREAM) as sender:
            for second in (3, 61, 90):
                sender.send(log_line(second))
        kept.tick_until(2, State.STABLE, 180)
        (seen,) = kept.registry.transitions(STREAM, to=State.UNHEALTHY)
        assert seen.reason.startswith(Kind.HUNG), seen.reason
        wait_for("the batch of the backlog", all_ledgered(kept.home, kept.kafka, spec), 60)
        stand_still(kept.driver(1))  # so that whatever changes was changed by the first
        before = kept.versions()
        go_on(first)
        wait_for(
            "the end of the first", lambda: not Supervisor(kept.home).state(f"driver-{STREAM}-0").alive or None, 60
        )
        assert Supervisor(kept.home).state(f"driver-{STREAM}-0").exit_status == Exit.SUPERSEDED
        assert kept.versions() == before
        go_on(kept.driver(1))
        kept.tick_until(2, State.STABLE, 60)
        assert verify_stream(kept.home, kept.kafka, STREAM).holds
    finally:
        end_all([process for process in first if process.is_running()], seconds=0)
