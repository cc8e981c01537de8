"""One plan, played on a real broker and the real driver, and judged by `verify`."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tideline.bench.drivers import Drivers
from tideline.bench.exactness_plan import Act, Plan, Step
from tideline.bench.reconcilers import reconcile_and_kill, reconcile_and_stop_short, reconcile_at_once
from tideline.checkpoint import CheckpointLog
from tideline.gate.corrections import let_through
from tideline.home import Home, StreamHome
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import end_offsets
from tideline.keeper.deployed import write_deployed
from tideline.keeper.heartbeat import read_heartbeat
from tideline.produce.sender import Sender
from tideline.reconcile import ReconcileResult, reconcile_stream
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_last_row
from tideline.tables.schemas import StreamTables
from tideline.verify import verify_stream
from tideline.verify.report import VerifyReport

_KINDS: Final = {
    Act.RESTART: "restarts",
    Act.REPLAY: "restarts",
    Act.KILL: "kills",
    Act.KILL_AND_LOSE: "kills",
    Act.RECONCILE: "reconciliations",
    Act.RECONCILE_TWICE: "reconciliations",
    Act.RECONCILE_PARTLY: "reconciliations",
    Act.RECONCILE_KILLED: "reconciliations",
}


_KILLS: Final = (Act.KILL, Act.KILL_AND_LOSE)


@dataclass
class Trial:
    """A stream of its own, with the plan's topic; `happened` counts what was done to it."""

    home: Home
    kafka: KafkaAccess
    drivers: Drivers
    plan: Plan
    generation: int = 1
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.spec = self.plan.spec
        self.stream: StreamHome = self.home.stream(self.spec.name)
        self.tables = StreamTables(self.home.tables(self.spec.name))

    @property
    def _checkpoint(self) -> Path:
        return self.stream.checkpoint(self.generation)

    def play(self) -> VerifyReport:
        """All steps, the end of the log, and a stop; then reconciled twice and verified."""
        self._deploy(self.spec)
        with Sender(self.kafka, self.spec.source.topic, self.spec.source.partitions) as sender:
            self._start()
            for step in self.plan.steps:
                self._play(step, sender)
        self._wait_until_read()
        self._stop()
        self._reconcile()
        again = self._reconcile()
        self.happened["published again"] += again.rows_published
        return verify_stream(self.home, self.kafka, self.spec.name)

    def _play(self, step: Step, sender: Sender) -> None:
        if step.act in _KILLS:
            self.drivers.wait(self.stream, self._is_running, "it ran")
        for record in step.records:
            sender.send(record.value, partition=record.partition)
        sender.flush()
        self.happened["events"] += len(step.records)
        self._pause(step.pause_s)
        self._do(step)
        self.happened[_KINDS.get(step.act, "waits")] += 1

    def _do(self, step: Step) -> None:
        match step.act:
            case Act.GO_ON:
                pass
            case Act.WAIT:
                self._wait_until_read()
            case Act.RESTART:
                self._restart()
            case Act.REPLAY:
                self._restart(self._forget_last_commit)
            case Act.KILL:
                self.drivers.kill()
                self._start()
            case Act.KILL_AND_LOSE:
                self.drivers.kill()
                self._new_generation(self._lose_checkpoint)
            case Act.RECONCILE:
                self._reconcile()
            case Act.RECONCILE_TWICE:
                reconcile_at_once(self.home, self.kafka, self.spec.name)
            case Act.RECONCILE_PARTLY:
                reconcile_and_stop_short(self.home, self.kafka, self.spec.name)
            case Act.RECONCILE_KILLED:
                reconcile_and_kill(self.home, self.spec.name)
            case Act.LOSE_CHECKPOINT:
                self._stop()
                self._new_generation(self._lose_checkpoint)
            case Act.LOSE_STATE:
                self._stop()
                self._new_generation(lambda: shutil.rmtree(self._checkpoint / "state", ignore_errors=True))
            case Act.CHANGE_SPEC:
                assert step.spec is not None
                changed = step.spec
                self._stop()
                self._new_generation(lambda: self._deploy(changed))

    def _deploy(self, spec: StreamSpec) -> None:
        self.spec = spec
        write_deployed(self.stream, spec.model_dump_json(exclude_none=True))

    def _start(self) -> None:
        self.epoch = self.drivers.start(self.spec.name, self.generation)

    def _stop(self) -> None:
        self.drivers.wait(self.stream, self._is_running, "it ran")
        self.drivers.stop(self.stream)

    def _restart(self, between: Callable[[], None] = lambda: None) -> None:
        self._stop()
        between()
        self._start()

    def _new_generation(self, first: Callable[[], None]) -> None:
        """While no driver runs."""
        first()
        self.generation += 1
        self._start()
        self.happened["generations"] += 1

    def _lose_checkpoint(self) -> None:
        shutil.rmtree(self._checkpoint, ignore_errors=True)

    def _forget_last_commit(self) -> None:
        """As if the driver had died between its batch and Spark's own commit of it."""
        last = CheckpointLog(self._checkpoint).last_commit()
        for name in (f"{last}", f".{last}.crc"):
            (self._checkpoint / "commits" / name).unlink(missing_ok=True)

    def _reconcile(self) -> ReconcileResult:
        return reconcile_stream(self.home, self.kafka, self.spec.name, gate=let_through)

    def _pause(self, seconds: float) -> None:
        """Lets the driver work for a moment."""
        threading.Event().wait(seconds)

    def _is_running(self) -> bool:
        heartbeat = read_heartbeat(self.stream.heartbeat)
        return heartbeat is not None and heartbeat.epoch == self.epoch and heartbeat.state == "running"

    def _wait_until_read(self) -> None:
        """Until the ledger's ends are the broker's; each look at the ledger takes from the driver's time."""
        wanted = end_offsets(self.kafka, self.spec.source.topic)
        self.drivers.wait(self.stream, lambda: self._ends() == wanted, "all records were read", every_s=0.5)

    def _ends(self) -> dict[int, int]:
        last = read_last_row(self.tables)
        return {part.partition: part.end for part in last.ranges} if last else {}

    def remove(self) -> None:
        """Nothing of the stream is needed any more."""
        shutil.rmtree(self.stream.root, ignore_errors=True)
        shutil.rmtree(self.tables.root, ignore_errors=True)
